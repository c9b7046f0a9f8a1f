import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, use, useEffect, useState, type ReactNode } from 'react';
import { api, onSessionEnd, setCsrfToken, take } from '../api/client';
import { Problem } from '../api/problem';
import type { Session } from '../api/types';

const SESSION_KEY = ['session'];

interface SessionContext {
  session: Session;
  /** Ends the session here and in the center. */
  logOut: () => Promise<void>;
}

const Context = createContext<SessionContext | null>(null);

/** Who is logged in. Only below `SessionGate`, where there is somebody. */
export function useSession(): SessionContext {
  const context = use(Context);
  if (!context) throw new Error('useSession outside SessionGate');
  return context;
}

/** Whether the user may do something, in the API's words. */
export function useMay(permission: string): boolean {
  return useSession().session.permissions.includes(permission);
}

export interface LogInProps {
  /** The name that must log in again; undefined for a fresh session. */
  again?: string;
  done: (session: Session) => void;
}

/**
 * Shows what is inside to somebody who is logged in. If the session ends later, what is inside stays as
 * it is, with everything that was typed, below a window that asks for the password again.
 */
export function SessionGate({
  children,
  waiting,
  failed,
  logIn: LogIn,
  firstPassword: FirstPassword,
}: {
  children: ReactNode;
  waiting: ReactNode;
  failed: (error: unknown, retry: () => void) => ReactNode;
  logIn: (props: LogInProps) => ReactNode;
  firstPassword: (props: { session: Session; done: (session: Session) => void }) => ReactNode;
}) {
  const client = useQueryClient();
  const [ended, setEnded] = useState(false);
  const query = useQuery({
    queryKey: SESSION_KEY,
    staleTime: Infinity,
    retry: false,
    queryFn: async () => {
      try {
        const session = await take(api.GET('/api/v1/session'));
        setCsrfToken(session.csrf_token);
        return session;
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
  });

  useEffect(() => onSessionEnd(() => setEnded(true)), []);

  const begin = (session: Session) => {
    setCsrfToken(session.csrf_token);
    client.setQueryData(SESSION_KEY, session);
    setEnded(false);
    void client.invalidateQueries({ predicate: (one) => one.queryKey[0] !== 'session' });
  };
  const logOut = async () => {
    await take(api.DELETE('/api/v1/session'));
    client.clear();
    setCsrfToken('');
    window.location.assign('/');
  };

  if (query.isPending) return waiting;
  if (query.isError) return failed(query.error, () => void query.refetch());
  const session = query.data;
  if (!session) return <LogIn done={begin} />;
  if (session.must_change_password) return <FirstPassword session={session} done={begin} />;
  return (
    <Context value={{ session, logOut }}>
      {children}
      {ended && <LogIn again={session.user.name} done={begin} />}
    </Context>
  );
}
