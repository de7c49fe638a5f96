/** The page: which view is shown, who looks, in which colours. */
import { html, render, useEffect, useState } from './lib/preact.js';
import { forgetToken, getInfo, hasToken, setToken, takeTokenFromAddress } from './api.js';
import { CompareView } from './compare-view.js';
import { RunList } from './run-list.js';
import { RunView } from './run-view.js';

const THEME = 'mrpo-theme';
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

function useTheme() {
  const [chosen, setChosen] = useState(localStorage.getItem(THEME));
  const [system, setSystem] = useState(systemIsDark.matches);
  const theme = chosen ?? (system ? 'dark' : 'light');
  document.documentElement.dataset.theme = theme;
  useEffect(() => {
    const change = () => setSystem(systemIsDark.matches);
    systemIsDark.addEventListener('change', change);
    return () => systemIsDark.removeEventListener('change', change);
  }, []);
  const toggle = () => {
    const other = theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem(THEME, other);
    setChosen(other);
  };
  return [theme, toggle];
}

function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = () => setHash(location.hash);
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  const [, view = 'list', rest = ''] = hash.split('/');
  return { view, ids: rest.split(',').filter(Boolean).map(decodeURIComponent) };
}

function App() {
  const [theme, toggleTheme] = useTheme();
  const { view, ids } = useRoute();
  const [info, setInfo] = useState(undefined);
  const [error, setError] = useState(undefined);
  const [locked, setLocked] = useState(false);
  const key = `${view} ${ids.join(',')}`;
  const fail = (thrown) => (thrown.status === 401 ? setLocked(true) : setError(thrown));
  const begin = () => getInfo().then((given) => (setInfo(given), setLocked(false), setError(undefined)), fail);
  useEffect(() => void begin(), []);
  // Another view begins at its title, for those who do not see it change.
  useEffect(() => {
    setError(undefined);
    document.title = view === 'run' ? `${ids[0]} – mrpo` : view === 'compare' ? 'runs compared – mrpo' : 'mrpo';
    if (location.hash !== '') document.querySelector('main h1')?.focus();
  }, [key, info === undefined]);
  const common = { theme, onError: fail };
  return html`<a class="skip" href="#content" onClick=${(event) => (event.preventDefault(), document.querySelector('main').focus())}>to the content</a>
    <header class="top"><div>
      <nav aria-label="Main"><a href="#/">mrpo runs</a></nav>
      <span class="grow"></span>
      ${info && html`<span class="soft">${info.version}, ${info.role}</span>`}
      <button type="button" onClick=${toggleTheme}>${theme === 'dark' ? 'Light' : 'Dark'} colours</button>
      ${hasToken() && html`<button type="button" onClick=${() => (forgetToken(), location.reload())}>Leave</button>`}
    </div></header>
    <main id="content" tabindex="-1">
      ${error && html`<div class="error" role="alert"><b>${error.message}</b> ${error.hint}</div>`}
      ${locked ? html`<${Login} onToken=${(token) => (setToken(token), begin())} />` : info === undefined ? html`<p role="status">Asking the service…</p>` : html`<${View} key=${key} view=${view} ids=${ids} info=${info} common=${common} />`}
    </main>`;
}

function View({ view, ids, info, common }) {
  if (view === 'run') return html`<${RunView} id=${ids[0]} controls=${info.controls} ...${common} />`;
  if (view === 'compare') return html`<${CompareView} ids=${ids} ...${common} />`;
  return html`<${RunList} ...${common} />`;
}

function Login({ onToken }) {
  const [refused, setRefused] = useState(hasToken());
  const submit = (event) => {
    event.preventDefault();
    setRefused(true);
    onToken(new FormData(event.target).get('token').trim());
  };
  return html`<form class="login" onSubmit=${submit}>
    <h1 tabindex="-1">Who looks?</h1>
    ${refused && hasToken() && html`<div class="error" role="alert">The service does not know this token.</div>`}
    <label>Token of the service<input name="token" type="password" autocomplete="current-password" required /></label>
    <button class="main">Look</button>
  </form>`;
}

takeTokenFromAddress();
render(html`<${App} />`, document.body);
