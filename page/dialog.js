/** Asks before something is done to a run. The browser's own dialog keeps the focus inside and gives it back. */
import { html, useEffect, useRef, useState } from './lib/preact.js';
import { act } from './api.js';

const WORDS = {
  cancel: {
    button: 'Cancel run',
    title: 'Cancel this run?',
    text: 'It stops at the next optimizer step and keeps the adapter of that step, and a checkpoint to go on from.',
  },
  pause: {
    button: 'Pause',
    title: 'Pause this run?',
    text: 'It stops at the next optimizer step with a checkpoint, and its backend is free for other runs.',
  },
  resume: {
    button: 'Resume',
    title: 'Resume this run?',
    text: 'It goes back into the queue and on from its newest checkpoint.',
  },
};

export function Actions({ run, controls, onDone }) {
  const [asked, setAsked] = useState(undefined);
  const [error, setError] = useState(undefined);
  const dialog = useRef();
  useEffect(() => {
    if (asked !== undefined) dialog.current.showModal();
  }, [asked]);
  const close = () => {
    dialog.current.close();
    setAsked(undefined);
  };
  const confirm = async () => {
    const verb = asked;
    close();
    setError(undefined);
    await act(run.id, verb).then(onDone, setError);
  };
  const why = controls
    ? `not possible while the run is ${run.state.toLowerCase()}`
    : 'this page only looks at run folders';
  return html`<div class="actions" role="group" aria-label="What can be done to this run">
      ${Object.entries(WORDS).map(
        ([verb, { button }]) =>
          html`<button type="button" class=${verb === 'cancel' ? 'danger' : ''} disabled=${!run.verbs.includes(verb)}
            title=${run.verbs.includes(verb) ? undefined : why} onClick=${() => setAsked(verb)}>${button}</button>`,
      )}
    </div>
    ${error && html`<div class="error" role="alert"><b>${error.message}</b> ${error.hint}</div>`}
    ${
      asked &&
      html`<dialog ref=${dialog} aria-labelledby="asked-title" onCancel=${() => setAsked(undefined)}>
        <h2 id="asked-title">${WORDS[asked].title}</h2>
        <p>${WORDS[asked].text}</p>
        <div class="actions">
          <button type="button" onClick=${close}>No, leave it</button>
          <button type="button" class="main" onClick=${confirm}>Yes: ${WORDS[asked].button.toLowerCase()}</button>
        </div>
      </dialog>`
    }`;
}
