/**
 * What of an api can be called from outside: its methods, and nothing that it merely inherits from the language.
 *
 * @module
 */

/** A method as {@linkcode methodsOf} tells of it. */
export interface MethodDescription {
  /** Its name. */
  readonly name: string;
  /** How many parameters it declares, those with a default value and after not counted. */
  readonly parameters: number;
}

/** Names that a remote needs for itself. */
export const RESERVED = ["then", "with"] as const;

/** The methods of an object. */
export class MethodTable {
  readonly #api: object;
  readonly #methods = new Map<string, (...args: unknown[]) => unknown>();

  /**
   * Looks once: own methods, then those of its classes. Getters are not run, and nothing beyond the last class is looked at.
   *
   * @throws {TypeError} For what has no methods, or one with a name that a remote needs.
   */
  constructor(api: object) {
    if (typeof api !== "object" || api === null) throw new TypeError("An api must be an object with methods");
    this.#api = api;
    for (let owner: object | null = api; owner !== null && !isBuiltIn(owner); owner = Object.getPrototypeOf(owner)) {
      for (const name of Object.getOwnPropertyNames(owner)) {
        const value: unknown = Object.getOwnPropertyDescriptor(owner, name)?.value;
        if (typeof value !== "function" || name === "constructor" || name === "__proto__" || this.#methods.has(name)) {
          continue;
        }
        this.#methods.set(name, value as (...args: unknown[]) => unknown);
      }
    }
    if (this.#methods.size === 0) throw new TypeError("An api must have a method");
    const reserved = RESERVED.find((name) => this.#methods.has(name));
    if (reserved !== undefined) {
      throw new TypeError(`An api cannot have a method ${JSON.stringify(reserved)}: a remote needs the name`);
    }
  }

  /** Calls a method. @throws {TypeError} When there is none of that name. */
  call(name: string, args: unknown[]): unknown {
    const method = this.#methods.get(name);
    if (method === undefined) {
      const known = [...this.#methods.keys()].join(", ");
      throw new TypeError(`There is no method ${JSON.stringify(name.slice(0, 60))}: there are ${known}`);
    }
    return Reflect.apply(method, this.#api, args);
  }

  /** What there is. */
  get descriptions(): MethodDescription[] {
    return Array.from(this.#methods, ([name, { length }]) => ({ name, parameters: length }));
  }
}

/** Object, Array, Map, EventTarget and the like: what the language gave every object. */
function isBuiltIn(prototype: object): boolean {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof constructor === "function" && constructor.prototype === prototype &&
    /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(constructor));
}
