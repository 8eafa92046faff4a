// One piece of work for the shell, with its state: running, answered or failed. A late answer to an
// earlier call never replaces a newer one.
import { asUiError, type UiError } from "../ipc";

export class Task<Args extends unknown[], T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<UiError | null>(null);
  busy = $state(false);
  readonly #work: (...args: Args) => Promise<T>;
  #latest = 0;

  constructor(work: (...args: Args) => Promise<T>) {
    this.#work = work;
  }

  /** True when the work succeeded and nobody has asked again since. */
  async run(...args: Args): Promise<boolean> {
    const mine = ++this.#latest;
    this.busy = true;
    this.error = null;
    try {
      const value = await this.#work(...args);
      if (mine !== this.#latest) return false;
      this.value = value;
      return true;
    } catch (thrown) {
      if (mine === this.#latest) this.error = asUiError(thrown);
      return false;
    } finally {
      if (mine === this.#latest) this.busy = false;
    }
  }

  clear() {
    this.#latest += 1;
    this.value = null;
    this.error = null;
    this.busy = false;
  }
}
