import { render } from 'preact';
import { App } from './app.js';
import { LiveRuns } from './live-runs.js';
import './style.css';

render(<App source={new LiveRuns()} />, document.body);
