/** The door: name and password, or a link that works once. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, Problem } from "./api";
import { Part, told } from "./app";
import { brand } from "./brand";
import { go, route } from "./route";
import { t } from "./words";

@customElement("sw-login")
export class Login extends Part {
  @state() private wrong = "";
  @state() private busy = false;
  @state() private provider: string | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    if (route().page === "enter" && location.hash.length > 1) void this.enter();
    else void this.ways();
  }

  private async ways(): Promise<void> {
    this.provider = await api.provider().catch(() => null);
    if (this.provider && route().query.has("refused")) this.wrong = t("login.provider_wrong", { name: this.provider });
  }

  private async enter(): Promise<void> {
    const token = location.hash.slice(1);
    history.replaceState(null, "", "/enter"); // the token is for once, and not for the history
    await this.through(() => api.enter(token), t("login.link_wrong"));
  }

  private readonly submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    void this.through(() => api.signIn(String(data.get("name")).trim(), String(data.get("password"))), t("login.wrong"));
  };

  private async through(door: () => Promise<void>, wrong: string): Promise<void> {
    this.busy = true;
    try {
      await door();
      const next = route().query.get("next");
      go(next?.startsWith("/") && !next.startsWith("//") ? next : "/alerts", true);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const refused = [400, 401, 403, 404, 410, 422].includes(problem.status);
      this.wrong = refused ? wrong : told(problem);
    } finally {
      this.busy = false;
    }
  }

  protected override render(): TemplateResult {
    return html`<main class="door">
      <form @submit=${this.submit}>
        <p class="brand">${brand()}</p>
        <h1>${t("login.title")}</h1>
        <p class="lead">${t("login.lead")}</p>
        <label>${t("login.name")}<input name="name" autocomplete="username" required maxlength="128" autofocus></label>
        <label>${t("login.password")}<input name="password" type="password" autocomplete="current-password" required maxlength="1024"></label>
        <p role="alert" class="refused">${this.wrong || nothing}</p>
        <button class="button primary" ?disabled=${this.busy}>${t("login.enter")}</button>
        ${this.provider ? html`<a class="button" target="_self" href="/api/session/openid?${new URLSearchParams({ next: route().query.get("next") ?? "/alerts" })}">${t("login.provider", { name: this.provider })}</a>` : nothing}
      </form>
    </main>`;
  }
}
