/**
 * Mermaid's own parser, of which nothing but its judgement is used.
 *
 * Not literals where they are imported: Deno would put them into deno.lock, and every first start of Causeway would download them.
 */
const MERMAID = "npm:mermaid@11.17.2";
const DOM_PURIFY = "npm:dompurify@^3";

/** What kind of diagram Mermaid takes a text for. @throws {Error} Where it is none. */
export async function mermaidKind(text: string): Promise<string> {
  const [{ default: mermaid }, { default: purifier }] = await Promise.all([import(MERMAID), import(DOM_PURIFY)]);
  // It takes scripts out of labels when they are shown, for which it needs the document of a browser. Here nothing is shown.
  purifier.addHook ??= () => {};
  purifier.sanitize ??= (label: string) => label;
  const { diagramType } = await mermaid.parse(text);
  return diagramType;
}
