// The present moment as reactive values that tick only while somebody looks at them.
import { createSubscriber } from "svelte/reactivity";

const everySecond = ticking(1000);
const everyHalfMinute = ticking(30_000);

/** Ticks once a second: countdowns and meters. */
export function nowBySecond(): number {
  everySecond();
  return Date.now();
}

/** Ticks twice a minute: "3 hours ago". */
export function now(): number {
  everyHalfMinute();
  return Date.now();
}

function ticking(ms: number): () => void {
  return createSubscriber((update) => {
    const timer = setInterval(update, ms);
    return () => clearInterval(timer);
  });
}
