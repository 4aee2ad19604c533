import { useState } from 'preact/hooks';
import type { RunsSource } from './runs-source.js';

/** Asks for the token of the server. */
export function SignIn({ source }: { readonly source: RunsSource }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await source.signIn(token.trim());
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <main class="sign-in">
      <h1>Training</h1>
      <form onSubmit={submit}>
        <label>
          Token of this server
          <input type="password" value={token} onInput={({ currentTarget }) => setToken(currentTarget.value)} />
        </label>
        <button type="submit" class="main">
          Open
        </button>
        {problem !== '' && <p role="alert">{problem}</p>}
      </form>
    </main>
  );
}
