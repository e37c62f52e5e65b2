// Asks the worker; where there is none, does the same in this thread, with pauses.

import { serve } from "./worker.js";

export class Client {
  // `source`: the script that defines everything up to `serve`, as text.
  constructor(source) {
    this.source = source;
    this.waiting = new Map();
    this.last = 0;
    this.worker = null;
    this.begin();
  }

  begin() {
    try {
      const address = URL.createObjectURL(new Blob([this.source], { type: "text/javascript" }));
      const worker = new Worker(address);
      worker.onmessage = (event) => this.take(event.data);
      worker.onerror = () => this.withoutWorker();
      this.worker = worker;
      this.send = (message) => worker.postMessage(message);
    } catch {
      this.withoutWorker();
    }
  }

  withoutWorker() {
    this.worker?.terminate();
    this.worker = null;
    this.send = serve((message) => this.take(message));
    for (const { message } of this.waiting.values()) this.send(message);
  }

  // Forget what was asked; a worker in the middle of it is ended.
  stop() {
    if (this.waiting.size === 0) return;
    this.waiting.clear();
    this.worker?.terminate();
    this.begin();
  }

  ask(question, progress = () => {}) {
    this.last += 1;
    const message = { id: this.last, ...question };
    return new Promise((done, fail) => {
      this.waiting.set(message.id, { message, done, fail, progress });
      this.send(message);
    });
  }

  take({ id, progress, done, error }) {
    const asked = this.waiting.get(id);
    if (asked === undefined) return;
    if (progress !== undefined) {
      asked.progress(progress);
      return;
    }
    this.waiting.delete(id);
    if (error === undefined) asked.done(done);
    else asked.fail(new Error(error));
  }
}
