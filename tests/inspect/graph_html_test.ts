// Needs: chromium
import { assertEquals, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path";
import { type ProcessGraph, renderHtml } from "../../lib/inspect/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 180_000;

/** Not a literal where it is imported: Deno would put it into deno.lock, and every first start of Causeway would download it. */
const PLAYWRIGHT = "npm:playwright-core@1.65.1";

const HOSTILE = '"]; <img src=x onerror="document.title=1"></script><script>document.title=2</script>';

const GRAPH: ProcessGraph = {
  processes: [
    { pid: 12, parent: 1, program: "make", command: ["make", "-j"], outside: false },
    { pid: 4123, parent: 12, program: "cc", command: ["cc"], outside: false },
    { pid: 4124, parent: 12, program: HOSTILE, command: [HOSTILE], outside: false },
    { pid: 99, parent: 1, program: "tail", command: ["tail"], outside: true },
  ],
  channels: [
    {
      id: "pipe:1",
      kind: "pipe",
      name: "777",
      ends: [{ pid: 12, role: "writes", descriptors: [1] }, { pid: 4123, role: "reads", descriptors: [0] }],
    },
    {
      id: "fifo:1",
      kind: "fifo",
      name: `/tmp/${HOSTILE}`,
      ends: [
        { pid: 4123, role: "writes", descriptors: [1] },
        { pid: 4124, role: "writes", descriptors: [1] },
        { pid: 99, role: "reads", descriptors: [0] },
      ],
    },
  ],
  hidden: ["<b>x</b>"],
};

// The browser's own sockets and timers outlive the test; that all of it is closed is checked by `close`.
Deno.test({
  name: "the HTML page of a graph can be searched, zoomed and trusted, in a real browser",
  sanitizeOps: false,
  sanitizeResources: false,
}, async (t) => {
  const directory = await Deno.makeTempDir();
  const { chromium } = await import(PLAYWRIGHT);
  let close: (() => Promise<void>) | undefined;
  try {
    await watchdog(WATCHDOG_MS, async () => {
      const file = `${directory}/graph.html`;
      await Deno.writeTextFile(file, await renderHtml(GRAPH));
      // Inside a container, and as root, Chromium's own sandbox cannot be had.
      const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
      const browser = await chromium.launch({
        executablePath: await programPath("chromium"),
        headless: true,
        args,
        timeout: WATCHDOG_MS,
      });
      close = () => browser.close();
      const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
      page.setDefaultTimeout(WATCHDOG_MS);
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on("console", (message: { text(): string }) => complaints.push(message.text()));
      page.on("pageerror", (error: Error) => complaints.push(error.message));
      page.on("request", (request: { url(): string }) => requests.push(request.url()));
      await page.goto(toFileUrl(file).href);
      const states = async (): Promise<Record<string, string>> => {
        const found: Record<string, string> = {};
        for (const id of ["p12", "p4123", "p4124", "p99", "c1"]) {
          const classes: string[] = (await page.locator(`#${id}`).getAttribute("class") ?? "").split(" ");
          found[id] = classes.find((name) => ["found", "near", "other"].includes(name)) ?? "";
        }
        return found;
      };
      const count = () => page.locator("#count").textContent();

      await t.step("it loads nothing, and runs nothing that a process named", async () => {
        assertEquals(requests, [toFileUrl(file).href]);
        assertEquals(complaints, []);
        assertEquals(await page.title(), "Who talks to whom");
        assertEquals(await page.locator("img").count(), 0);
        assertEquals(await page.locator("main b").count(), 0);
        assertStringIncludes(await page.locator("#row-p4124").textContent() ?? "", HOSTILE);
        assertEquals(await page.locator("figure svg g.node").count(), 5);
      });

      await t.step("its policy stops a script that is not its own", async () => {
        const refusal = page.waitForEvent(
          "console",
          (message: { text(): string }) => /inline event handler/.test(message.text()),
        );
        await page.locator("main").evaluate((main: { innerHTML: string }) => {
          main.innerHTML += '<img src=x onerror="document.title=3">';
        });
        await refusal;
        assertEquals(await page.title(), "Who talks to whom");
        await page.reload();
      });

      await t.step("a program's name finds the process, and what it talks to is near", async () => {
        await page.fill("#search", "make");
        assertEquals(await states(), { p12: "found", p4123: "near", p4124: "near", p99: "other", c1: "other" });
      });

      await t.step("a pid is a whole number", async () => {
        await page.fill("#search", "12");
        assertEquals((await states())["p4123"], "near");
        assertEquals((await states())["p12"], "found");
        await page.fill("#search", "4123 process");
        assertEquals(await states(), { p12: "near", p4123: "found", p4124: "other", p99: "other", c1: "near" });
        assertEquals(await count(), "1 found");
      });

      await t.step("a kind finds channels, in the picture and in the table", async () => {
        await page.fill("#search", "fifo");
        assertEquals((await states())["c1"], "found");
        assertEquals((await page.locator("#row-c1").getAttribute("class"))?.trim(), "found");
        assertEquals((await page.locator("#row-c0").getAttribute("class"))?.trim(), "other");
      });

      await t.step("the rest can be hidden", async () => {
        await page.fill("#search", "pipe");
        await page.check("#only");
        assertEquals(await page.locator("#p99").isVisible(), false);
        assertEquals(await page.locator("#p12").isVisible(), true);
        await page.uncheck("#only");
        assertEquals(await page.locator("#p99").isVisible(), true);
      });

      await t.step("Escape shows everything, and / begins a search", async () => {
        await page.keyboard.press("Escape");
        assertEquals(Object.values(await states()).join(""), "");
        await page.locator("h1").click();
        await page.keyboard.press("/");
        await page.keyboard.type("tail");
        assertEquals((await states())["p99"], "found");
      });

      await t.step("the picture can be zoomed, moved and put back", async () => {
        const view = () => page.locator("figure svg").getAttribute("viewBox");
        const before = await view();
        await page.click("#in");
        const larger = await view();
        assertEquals(Number(larger?.split(" ")[2]) < Number(before?.split(" ")[2]), true);
        await page.mouse.move(600, 300);
        await page.mouse.wheel(0, -100);
        await page.waitForFunction(
          `document.querySelector("figure svg").getAttribute("viewBox") !== ${JSON.stringify(larger)}`,
        );
        const zoomed = await view();
        await page.mouse.down();
        await page.mouse.move(500, 250);
        await page.mouse.up();
        await page.waitForFunction(
          `document.querySelector("figure svg").getAttribute("viewBox") !== ${JSON.stringify(zoomed)}`,
        );
        await page.click("#fit");
        assertEquals((await view())?.split(" ").map(Number), before?.split(" ").map(Number));
      });
    });
  } finally {
    await close?.();
    await Deno.remove(directory, { recursive: true });
  }
});

/** Where a program is: Playwright looks nowhere by itself. */
async function programPath(name: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", 'command -v "$1"', "sh", name] }).output();
  return new TextDecoder().decode(stdout).trim();
}
