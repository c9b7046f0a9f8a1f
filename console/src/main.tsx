import { createRoot } from 'react-dom/client';
import './app/app.css';
import { App } from './app/App';
import { giveStylesTheNonce } from './csp';
import { preferredLanguage, startTranslations } from './i18n';

const nonce = giveStylesTheNonce(document);
await startTranslations(preferredLanguage());
const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');
createRoot(root).render(<App nonce={nonce} />);
