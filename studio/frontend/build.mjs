/* Builds the committed modules of dist/ (and, with --tests or --dev, throw-away ones under node_modules).
 *
 *   dist/execution_view.js   mount() and Panel's render(), styles included
 *   dist/execution_view.css  the same styles for pages that load them on their own
 *   dist/picture.js          picture() as one global, for quickjs and for plain pages
 *   dist/source.sha256       hash of what the three were built from
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const tokens = join(here, "..", "..", "assets", "tokens.css");
/** What the pages of the studio share with the view. */
const hello = join(here, "..", "views", "browser", "hello.js");

function files_under(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((e) => (e.isDirectory() ? files_under(join(folder, e.name)) : [join(folder, e.name)]));
}

/** Everything a build depends on, in a fixed order. Python computes the same hash. */
function source_hash() {
  const hash = createHash("sha256");
  const sources = files_under(join(here, "src")).map((f) => relative(here, f).split(sep).join("/")).sort();
  for (const name of [...sources, "build.mjs", "package-lock.json"]) {
    hash.update(name + "\0").update(readFileSync(join(here, name))).update("\0");
  }
  for (const [name, path] of [["tokens.css", tokens], ["hello.js", hello]]) hash.update(name + "\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

function squeeze(css) {
  return css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\s+/g, " ").replace(/ ?([{};,>]) ?/g, "$1").replace(/;}/g, "}").trim();
}

/** `import css from "styles:*"`: tokens and every src/**.css in order of name; or one of them. */
const styles = {
  name: "styles",
  setup(plugin) {
    plugin.onResolve({ filter: /^styles:/ }, (args) => ({ path: args.path.slice(7), namespace: "styles" }));
    plugin.onLoad({ filter: /.*/, namespace: "styles" }, (args) => ({ contents: style_text(args.path), loader: "text" }));
  },
};

function style_text(name) {
  if (name !== "*") return squeeze(readFileSync(name === "tokens" ? tokens : join(here, "src", name), "utf8"));
  const sheets = files_under(join(here, "src")).filter((f) => f.endsWith(".css")).sort();
  return [tokens, ...sheets].map((f) => squeeze(readFileSync(f, "utf8"))).join("\n");
}

const shared = {
  bundle: true, charset: "utf8", legalComments: "none", logLevel: "warning", target: "es2022", plugins: [styles],
  absWorkingDir: here,
};

async function build_dist(out) {
  mkdirSync(out, { recursive: true });
  await build({ ...shared, entryPoints: ["src/panel.ts"], outfile: join(out, "execution_view.js"), format: "esm", minify: true });
  await build({
    ...shared, entryPoints: ["src/picture.ts"], outfile: join(out, "picture.js"), format: "iife", globalName: "studio_picture",
    minify: true, platform: "neutral", target: "es2020",
  });
  writeFileSync(join(out, "execution_view.css"), style_text("*") + "\n");
  writeFileSync(join(out, "source.sha256"), source_hash() + "\n");
}

const mode = process.argv[2];
if (mode === "--tests") {
  const entries = files_under(join(here, "test")).filter((f) => f.endsWith(".test.ts"));
  await build({
    ...shared, entryPoints: entries, outdir: join(here, "node_modules", ".test"), outExtension: { ".js": ".mjs" },
    format: "esm", platform: "node", external: ["node:*"], sourcemap: "inline",
  });
} else if (mode === "--dev") {
  const out = join(here, "node_modules", ".dev");
  await build({ ...shared, entryPoints: ["dev/dev.ts"], outdir: out, format: "iife", sourcemap: "inline" });
  writeFileSync(join(out, "index.html"), readFileSync(join(here, "dev", "index.html")));
  console.log(join(out, "index.html"));
} else if (mode === "--out") {
  await build_dist(process.argv[3]);
} else {
  await build_dist(join(here, "dist"));
}
