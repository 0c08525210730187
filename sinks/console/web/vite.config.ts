import { defineConfig } from "vite";

export default defineConfig({
  // Nothing inline: the console is served under a content security policy that knows no exceptions.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2022", manifest: true, chunkSizeWarningLimit: 600 },
  server: { proxy: { "/api": process.env["SEAMWATCH_CONSOLE"] ?? "http://127.0.0.1:8080" } },
});
