import { parentPort, workerData } from 'node:worker_threads';
import { isDiptychError } from '@diptych/core';
import type { ScanCall, ScanReply } from './protocol.js';
import { Scanner, type ScannerOptions } from './scanner.js';

const scanner = new Scanner(workerData as ScannerOptions);

parentPort!.on('message', (call: ScanCall) => {
  if ('keepOnly' in call) {
    scanner.keepOnly(new Set(call.keepOnly));
    return;
  }
  const { number, request } = call;
  const reply = (message: ScanReply) => parentPort!.postMessage(message);
  scanner.scan(request).then(
    (result) => reply({ number, result }),
    (error: Error) =>
      reply({ number, error: { message: error.message, where: isDiptychError(error) ? error.where : undefined } }),
  );
});
