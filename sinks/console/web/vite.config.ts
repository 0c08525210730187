import { defineConfig, type Plugin } from "vite";

/** Has the browser load the page of alerts, where most people begin, beside what leads to it, and not after that has run. */
function early(): Plugin {
  return {
    name: "early",
    transformIndexHtml: {
      order: "post",
      handler: (_, { bundle = {} }) => {
        const chunks = Object.values(bundle).filter((each) => each.type === "chunk");
        const needs = (file: string, found = new Set<string>()): Set<string> => {
          if (found.has(file)) return found;
          found.add(file);
          for (const each of chunks.find(({ fileName }) => fileName === file)?.imports ?? []) needs(each, found);
          return found;
        };
        const entry = chunks.find((each) => each.isEntry);
        const alerts = chunks.find((each) => each.facadeModuleId?.endsWith("/src/alerts.ts"));
        if (!entry || !alerts) throw new Error("the entry or the page of alerts is no chunk");
        const loaded = needs(entry.fileName);
        const more = [...needs(alerts.fileName)].filter((each) => !loaded.has(each));
        return more.map((each) => ({ tag: "link", attrs: { rel: "modulepreload", crossorigin: true, href: `/${each}` }, injectTo: "head" as const }));
      },
    },
  };
}

export default defineConfig({
  plugins: [early()],
  build: {
    assetsInlineLimit: 0, // the console is served under a content security policy that knows no exceptions
    modulePreload: { polyfill: false },
    target: "es2022",
    manifest: true,
    chunkSizeWarningLimit: 600,
    // What every page needs is one file: in pieces of some hundred bytes each would be asked for by itself.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "base", test: /node_modules\/(lit|@lit|lit-html|lit-element)\/|\/src\/(announce|api|app|brand|list|live|marks|page|poll|prefs|route|words|words\/en)\.ts$/ }] } } },
  },
  server: { proxy: { "/api": process.env["SEAMWATCH_CONSOLE"] ?? "http://127.0.0.1:8080" } },
});
