// Consent is given to one quote. A new quote, for whatever reason, starts without it.
import { asUiError, ipc, type Quote, type RestoreStarted, type Side, type UiError } from "../ipc";

export type QuoteRequest = { side: Side; backup: string; region: string; version: string };
export type Renewal = "expired" | "changed";

export class Consent {
  quote = $state.raw<Quote | null>(null);
  /** The quote that was shown before the present one, where it had to be asked again. */
  before = $state.raw<Quote | null>(null);
  renewal = $state<Renewal | null>(null);
  error = $state.raw<UiError | null>(null);
  asking = $state(false);
  creating = $state(false);
  /** Whether this computer's clock can say when the quote ends; where it can't, the server alone judges. */
  clockAgrees = $state(true);
  #agreedTo = $state<string | null>(null);
  readonly #request: QuoteRequest;

  constructor(request: QuoteRequest) {
    this.#request = request;
  }

  get agreed(): boolean {
    return this.quote !== null && this.#agreedTo === this.quote.id;
  }

  set agreed(yes: boolean) {
    this.#agreedTo = yes ? (this.quote?.id ?? null) : null;
  }

  hasExpired(now: number): boolean {
    return this.quote !== null && this.clockAgrees && now >= this.quote.expires_at;
  }

  canCreate(now: number): boolean {
    return this.agreed && !this.hasExpired(now) && !this.asking && !this.creating;
  }

  async ask(renewal: Renewal | null = null): Promise<void> {
    const { side, backup, region, version } = this.#request;
    this.asking = true;
    this.error = null;
    this.agreed = false;
    try {
      const quote = await ipc.quote(side.connection, side.project, backup, region, version);
      this.before = renewal ? this.quote : null;
      this.renewal = renewal;
      this.quote = quote;
      this.clockAgrees = quote.expires_at > Date.now();
    } catch (thrown) {
      this.error = asUiError(thrown);
    } finally {
      this.asking = false;
    }
  }

  /** Creates the project for the agreed price; asks again where the server refuses that price. */
  async create(name: string): Promise<RestoreStarted | null> {
    if (!this.quote || !this.canCreate(Date.now())) return null;
    const { side, backup, region, version } = this.#request;
    this.creating = true;
    this.error = null;
    try {
      return await ipc.restore(side.connection, side.project, backup, this.quote.id, name, region, version);
    } catch (thrown) {
      const error = asUiError(thrown);
      if (error.code === "quote_expired") await this.ask("expired");
      else if (error.code === "quote_changed") await this.ask("changed");
      else this.error = error;
      return null;
    } finally {
      this.creating = false;
    }
  }
}
