/**
 * Puts a compressed copy beside every file that gains by it, which the server sends to whoever takes it, and fails where the page of alerts needs more than
 * 150 kB of these: all that loads before and with it, its words, letters and dialogs too.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants, gzipSync } from "node:zlib";

const MOST = 150_000;
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const sizes = new Map();

for (const name of readdirSync("dist/assets")) {
  const file = `assets/${name}`;
  const raw = readFileSync(`dist/${file}`);
  const packed = /\.(js|css|svg)$/.test(name) ? gzipSync(raw, { level: constants.Z_BEST_COMPRESSION }) : raw;
  if (packed.length < raw.length) writeFileSync(`dist/${file}.gz`, packed);
  sizes.set(file, Math.min(packed.length, raw.length));
}

const files = new Set();

function take(name) {
  const chunk = manifest[name];
  if (!chunk || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const each of chunk.css ?? []) files.add(each);
  for (const each of chunk.imports ?? []) take(each);
}

for (const name of ["index.html", "src/alerts.ts", "src/alert.ts"]) take(name);
for (const each of Object.keys(manifest)) if (/next-latin-wght-normal\.woff2$|\/dialog\.js$/.test(each)) take(each);
if (![...files].some((each) => /dialog/.test(each))) throw new Error("the dialogs are in no file of their own: count them by another name");
const bytes = [...files].reduce((sum, file) => sum + sizes.get(file), 0);
console.log(`The page of alerts needs ${(bytes / 1000).toFixed(1)} kB compressed, in ${files.size} files.`);
if (bytes > MOST) {
  console.error(`That is more than ${MOST / 1000} kB.`);
  process.exit(1);
}
