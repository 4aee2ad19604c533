import { render } from 'preact';
import { connect } from '../client/connect.js';
import { App } from './app.js';
import './style.css';

// a proxy may have the page below a path of its own
render(<App client={connect(new URL('.', location.href).pathname)} />, document.body);
