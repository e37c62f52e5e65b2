// The check in a thread of its own, so that the page stays at hand. Without workers the page calls `serve` itself.

import { overall } from "./overall.js";
import { trace, verify } from "./verify.js";

const EVERY_MS = 60;

// Answers {id, ask: "verify", files, options} and {id, ask: "trace", document} through `post`.
export function serve(post) {
  let release = null;
  return async ({ id, ask, files, options, document }) => {
    try {
      if (ask === "trace") {
        post({ id, done: await trace(release, document) });
        return;
      }
      const result = await verify(new Map(files), { ...options, progress: paced((told) => post({ id, progress: told })) });
      release = result.release;
      post({ id, done: { ...result, overall: overall(result), release: release !== null } });
    } catch (error) {
      post({ id, error: String(error?.message ?? error) });
    }
  };
}

// Tells at most every EVERY_MS, and lets others have a turn then: without a worker the page would stand still.
function paced(tell) {
  let last = 0;
  return async (told) => {
    const now = performance.now();
    if (now - last < EVERY_MS) return;
    last = now;
    tell(told);
    await new Promise((resume) => {
      setTimeout(resume, 0);
    });
  };
}

if (typeof document === "undefined" && typeof postMessage === "function") {
  const answer = serve((message) => postMessage(message));
  addEventListener("message", (event) => answer(event.data));
}
