/** The name and its sign: two sides, and the stitch between them that comes loose. */

import { html, type TemplateResult } from "lit";

export function brand(): TemplateResult {
  return html`<svg class="sign" viewBox="0 0 32 32" aria-hidden="true"><g fill="none" stroke-width="3" stroke-linecap="round"><path class="thread" d="M4 16h6M22 16h6"></path><path class="loose" d="m13 10 6 12"></path></g></svg><span>Seamwatch</span>`;
}
