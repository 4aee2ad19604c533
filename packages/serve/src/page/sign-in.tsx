import { useState } from 'preact/hooks';

/** What the page is called, and what is done with the token; a failure is shown. */
interface SignInProps {
  readonly title: string;
  readonly signIn: (token: string) => Promise<void>;
}

/** Asks for the token of the server. */
export function SignIn({ title, signIn }: SignInProps) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await signIn(token.trim());
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <main class="sign-in">
      <h1>{title}</h1>
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
