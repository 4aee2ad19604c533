import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What /metrics shows, in the terms of Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests: Counter<'operation' | 'status'>;
  readonly seconds: Histogram<'operation'>;
  readonly batches: Histogram<'kind'>;

  /** @param gauges read when somebody looks */
  constructor(gauges: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Counter({
      name: 'diptych_requests_total',
      help: 'Requests by what they asked for and how they were answered',
      labelNames: ['operation', 'status'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'diptych_request_seconds',
      help: 'From the head of a request to its answer',
      labelNames: ['operation'],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
      registers,
    });
    this.batches = new Histogram({
      name: 'diptych_batch_items',
      help: 'Texts, pictures or pairs that went through the model together, and searches through the index',
      labelNames: ['kind'],
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
    for (const [name, { help, read }] of Object.entries(gauges)) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    }
  }

  close(): void {
    this.registry.clear();
  }
}
