/** Fails where the page of alerts needs more than 150 kB compressed: all that loads before and with it, its words and letters too. */

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST = 150_000;
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const files = new Set();

function take(name) {
  const chunk = manifest[name];
  if (!chunk || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const each of chunk.css ?? []) files.add(each);
  for (const each of chunk.imports ?? []) take(each);
}

for (const name of ["index.html", "src/alerts.ts", "src/alert.ts"]) take(name);
for (const each of Object.keys(manifest)) if (/next-latin-wght-normal\.woff2$/.test(each)) take(each);
const bytes = [...files].reduce((sum, file) => {
  const raw = readFileSync(`dist/${file}`);
  return sum + (file.endsWith(".woff2") ? raw.length : gzipSync(raw).length);
}, 0);
console.log(`The page of alerts needs ${(bytes / 1000).toFixed(1)} kB compressed, in ${files.size} files.`);
if (bytes > MOST) {
  console.error(`That is more than ${MOST / 1000} kB.`);
  process.exit(1);
}
