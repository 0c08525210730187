/** Where the reader is, held by the address alone: page, alert and filters. */

export const FILTERS = ["severity", "state", "detector", "seam", "team", "channel", "assignee", "customer", "rule"] as const;
export type FilterName = (typeof FILTERS)[number];

/** By what alerts can be put together. */
export const GROUPS = ["customer", "seam", "detector", "rule"] as const;
export type GroupBy = (typeof GROUPS)[number];

export type PageName = "alerts" | "seams" | "journeys" | "teams" | "promises" | "portfolio" | "insights" | "rules" | "sources" | "audit" | "wall" | "login" | "enter";

export interface Route {
  page: PageName;
  key: string | null;
  query: URLSearchParams;
}

const PAGES = new Set<string>(["seams", "journeys", "teams", "promises", "portfolio", "insights", "rules", "sources", "audit", "wall", "login", "enter"]);

export function route(): Route {
  const [first = "", second] = location.pathname.split("/").filter(Boolean);
  const query = new URLSearchParams(location.search);
  if (PAGES.has(first)) return { page: first as PageName, key: null, query };
  return { page: "alerts", key: first === "alerts" && second ? decoded(second) : null, query };
}

/** What a part of an address stands for; one that is not written as addresses are stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Go to an address of the console; `replace` leaves no step to go back to. */
export function go(path: string, replace = false): void {
  if (path === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  window.dispatchEvent(new Event("route"));
}

/** The address of an alert, or of the list, with the filters that hold now. */
export function alertPath(key: string | null, query: URLSearchParams = route().query): string {
  const words = query.toString();
  return (key === null ? "/alerts" : `/alerts/${encodeURIComponent(key)}`) + (words ? `?${words}` : "");
}

/** The filters alone, without how the list is put together. */
export function filters(query: URLSearchParams = route().query): URLSearchParams {
  const own = new URLSearchParams(query);
  own.delete("group");
  return own;
}

/** Choose or drop one value of a filter and go there. */
export function toggle(name: string, value: string): void {
  const { query, key, page } = route();
  const values = new Set(query.getAll(name));
  if (!values.delete(value)) values.add(value);
  query.delete(name);
  for (const each of values) query.append(name, each);
  go(alertPath(page === "alerts" ? key : null, query));
}

/** Set a filter that has one value, or drop it. */
export function set(name: string, value: string | null, replace = false): void {
  const { query, key } = route();
  if (value) query.set(name, value);
  else query.delete(name);
  go(alertPath(key, query), replace);
}

/** Take clicks on links of the console, so that the page stays. */
export function followLinks(): void {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((each): each is HTMLAnchorElement => each instanceof HTMLAnchorElement);
    if (!link || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  window.addEventListener("popstate", () => window.dispatchEvent(new Event("route")));
}
