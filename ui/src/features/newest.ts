// Answers to one question that is asked again and again: one that comes late never replaces a newer one.

export class Newest {
  #asked = 0;
  #told = 0;

  /** Asks now. Whoever has the answer asks whether it is news; whatever was asked before is none any more. */
  ask(): () => boolean {
    const mine = ++this.#asked;
    return () => {
      if (mine <= this.#told) return false;
      this.#told = mine;
      return true;
    };
  }

  /** What was asked until now is no news. */
  forget() {
    this.#told = this.#asked;
  }
}
