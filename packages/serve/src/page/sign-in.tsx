import { useState } from 'preact/hooks';
import type { Client } from '../client/connect.js';

/** Asks for the token of the server. */
export function SignIn({ client, onDone }: { readonly client: Client; readonly onDone: () => void }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await client.openSession(token.trim());
      onDone();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <main class="sign-in">
      <h1>Search pictures</h1>
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
