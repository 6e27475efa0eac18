import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, posix } from "node:path";
import { describe, it } from "node:test";
import { inRoot, read } from "../../tools/paths.ts";
import { VETTED } from "../../tools/suites/lint-suite.ts";

/** What git knows. A file that only exists in somebody's clone is in no other. */
const TRACKED = new Set(execFileSync("git", ["ls-files", "-z"], { cwd: inRoot(), encoding: "utf8" }).split("\0"));

describe("the Go modules of the clone", () => {
  it("are vetted, except for the one that is compiled with Istio and those of tools/", () => {
    const modules = [...TRACKED].filter((file) => file.endsWith("/go.mod")).map((file) => dirname(file));
    const ours = modules.filter((folder) => folder !== "test/istio" && !folder.startsWith("tools/"));
    assert.deepEqual(ours.sort(), [...VETTED].sort());
  });
});

/** The anchors that GitHub makes of a page's headings. The second heading with the same name gets a number. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of read(page)
    .replaceAll(/^```[\s\S]*?^```$/gm, "")
    .matchAll(/^#+ (.*)$/gm)) {
    const name = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    let anchor = name;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${name}-${i}`;
    anchors.add(anchor);
  }
  // Rows of tables have anchors of their own.
  for (const [, anchor = ""] of read(page).matchAll(/<a id="([^"]+)"><\/a>/g)) anchors.add(anchor);
  return anchors;
}

describe("the links of the pages", () => {
  const PAGES = [...TRACKED].filter((file) => file.endsWith(".md"));

  /** A page without its code: a link inside a fence or backticks is not a link. */
  function prose(page: string): string {
    return read(page)
      .replaceAll(/^ *```[\s\S]*?^ *```$/gm, "")
      .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[()[\]]/g, ""));
  }

  it("lead to files that git has, and to headings that these have", () => {
    let followed = 0;
    for (const page of PAGES) {
      for (const [, link = ""] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        followed++;
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? page : posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, "");
        const isThere = TRACKED.has(target) || [...TRACKED].some((file) => file.startsWith(`${target}/`));
        assert.ok(isThere, `${page} links to ${link}, which does not exist: correct the path, or add the file to git`);
        if (anchor === undefined || !target.endsWith(".md")) continue;
        assert.ok(anchorsOf(target).has(anchor), `${page} links to ${link}, a heading that ${target} does not have`);
      }
    }
    assert.ok(followed > 60, `only ${followed} links were found`);
  });

  it("and the paths of the repository that they name are there", () => {
    let named = 0;
    for (const page of PAGES) {
      for (const [, path = ""] of read(page).matchAll(
        /`((?:assembly|bench|cli|deploy|docs|test|tools)\/[\w./*-]+)`/g,
      )) {
        named++;
        // A pattern names the files that begin as it does, a folder those below it.
        const [begin = ""] = path.split("*");
        const isThere = (file: string): boolean =>
          begin === path ? `${file}/`.startsWith(path.replace(/\/?$/, "/")) : file.startsWith(begin);
        assert.ok([...TRACKED].some(isThere), `${page} names ${path}, which does not exist`);
      }
    }
    assert.ok(named > 30, `only ${named} were found`);
  });
});

describe("the documents that sources cite", () => {
  /** Documents of others, which are cited with their owner. */
  const FOREIGN = ["SPIFFE-ID.md"];
  const SOURCES = [...TRACKED].filter(
    (file) => /\.(ts|mjs|js|go|py|rs|ya?ml|tpl|txt)$/.test(file) && !file.startsWith("test/deploy/nats-chart/"),
  );

  const DOCS = ["docs", "docs/tutorial", "docs/how-to", "docs/reference", "docs/explanation"];

  it("are in the repository, from its root, from the source's folder or from docs/, with the anchors that they name", () => {
    let cited = 0;
    for (const source of SOURCES) {
      for (const [whole, name = "", anchor] of read(source).matchAll(
        /(?:https?:\/\/\S*)?(?<![\w*${}./-])([\w./-]+\.md)\b(?:#([\w-]+))?/g,
      )) {
        if (whole.startsWith("http") || FOREIGN.includes(name)) continue;
        cited++;
        const places = ["", posix.dirname(source), ...DOCS].map((folder) => posix.normalize(posix.join(folder, name)));
        const place = places.find((one) => TRACKED.has(one));
        assert.ok(
          place !== undefined,
          `${source} cites ${name}, which nobody else has: name a page, or the file and function meant`,
        );
        if (anchor === undefined) continue;
        assert.ok(anchorsOf(place).has(anchor), `${source} cites ${name}#${anchor}, which that page does not have`);
      }
      for (const [, record = ""] of read(source).matchAll(/docs\/adr\/(\d{4})\b/g)) {
        assert.ok(
          [...TRACKED].some((file) => file.startsWith(`docs/adr/${record}-`)),
          `${source} cites the record ${record}`,
        );
      }
    }
    assert.ok(cited > 50, `only ${cited} were found`);
  });
});

describe("docs/adr/README.md", () => {
  it("lists every record by its title, in order", () => {
    const records = [...TRACKED].filter((file) => /^docs\/adr\/\d{4}-/.test(file)).sort();
    const lines = records.map((file) => {
      const [, number = "", title = ""] = /^# (\d+)\. (.*)$/m.exec(read(file)) ?? [];
      assert.equal(Number(number), Number(posix.basename(file).slice(0, 4)), file);
      return `- [${number}. ${title}](${posix.basename(file)})`;
    });
    const listed = read("docs/adr/README.md")
      .split("\n")
      .filter((line) => line.startsWith("- "));
    assert.deepEqual(listed, lines);
  });
});

describe("CONTRIBUTING.md", () => {
  it("says what each npm script is for", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const [, commands = ""] = read("CONTRIBUTING.md").split("\n## Commands\n");
    for (const script of Object.keys(scripts)) {
      const shown = [`npm run ${script}`, `npm ${script}`].some((command) => commands.includes(`\`${command}\``));
      assert.ok(shown, script);
    }
  });
});

describe("tsconfig.json", () => {
  it("includes folders that have TypeScript, and no other", () => {
    const { include } = JSON.parse(read("tsconfig.json")) as { include: string[] };
    for (const folder of include) {
      assert.ok(
        [...TRACKED].some((file) => file.startsWith(`${folder}/`) && file.endsWith(".ts")),
        folder,
      );
    }
  });
});

describe("CHANGELOG.md", () => {
  it("has the sections of Keep a Changelog and no others, in lists that no blank line cuts, within 132 columns", () => {
    const text = read("CHANGELOG.md");
    for (const [, section = ""] of text.matchAll(/^### (.*)$/gm)) {
      assert.ok(["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"].includes(section), section);
    }
    assert.doesNotMatch(text, /\n(?:- | {2}).*\n\n+- /);
    for (const line of text.split("\n")) assert.ok(line.length <= 132, line);
  });
});
