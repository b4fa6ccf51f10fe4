/** A real browser: Chromium of the machine, driven by Playwright. */

/** Not a literal where it is imported: Deno would put it into deno.lock, and every first start of Causeway would download it. */
const PLAYWRIGHT = "npm:playwright-core@1.65.1";

/** What is used of a page. */
export interface Page {
  setContent(html: string): Promise<void>;
  emulateMedia(options: { colorScheme: "dark" | "light" }): Promise<void>;
  /** @param expression Of JavaScript, evaluated in the page. Its value must be JSON. */
  evaluate<Value>(expression: string): Promise<Value>;
}

/** Opens a page for a piece of work, and closes the browser after it, whatever happens. A test of it must not have its ops and resources sanitized. */
export async function withPage(timeoutMs: number, work: (page: Page) => Promise<void>): Promise<void> {
  const { chromium } = await import(PLAYWRIGHT);
  const browser = await chromium.launch({
    executablePath: await programPath("chromium"),
    headless: true,
    // Inside a container, and as root, Chromium's own sandbox cannot be had.
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    timeout: timeoutMs,
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
    page.setDefaultTimeout(timeoutMs);
    await work(page);
  } finally {
    await browser.close();
  }
}

/** Where a program is: Playwright looks nowhere by itself. */
async function programPath(name: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", 'command -v "$1"', "sh", name] }).output();
  return new TextDecoder().decode(stdout).trim();
}
