import { render } from 'preact';
import type { FrozenRuns } from '../../training/api.js';
import { App } from './app.js';
import { StillRuns } from './still-runs.js';
import './style.css';

const frozen = JSON.parse(document.getElementById('frozen')!.textContent!) as FrozenRuns;
document.querySelector('noscript')?.remove();
render(<App source={new StillRuns(frozen)} />, document.body);
