/**
 * Who needs whom.
 *
 * @module
 */

/** The needs of services, checked, and both ways round. */
export class StartOrder {
  readonly #needs: ReadonlyMap<string, readonly string[]>;

  /**
   * @param needs What each service needs.
   * @throws {TypeError} For a name that does not exist, and for a cycle, which it names.
   */
  constructor(needs: ReadonlyMap<string, readonly string[]>) {
    this.#needs = needs;
    for (const [name, needed] of needs) {
      const unknown = needed.find((other) => !needs.has(other));
      if (unknown !== undefined) {
        const known = [...needs.keys()].map((other) => JSON.stringify(other)).join(", ");
        throw new TypeError(
          `Service ${JSON.stringify(name)} needs ${JSON.stringify(unknown)}, which does not exist: there are ${known}`,
        );
      }
    }
    const cycle = this.#cycle();
    if (cycle !== undefined) {
      throw new TypeError(
        `Services need each other in a cycle: ${cycle.map((name) => JSON.stringify(name)).join(" → ")}`,
      );
    }
  }

  /** What a service needs itself. */
  needs(name: string): readonly string[] {
    return this.#needs.get(name) ?? [];
  }

  /** Those that need a service themselves. */
  dependents(name: string): readonly string[] {
    return [...this.#needs].filter(([, needed]) => needed.includes(name)).map(([other]) => other);
  }

  /** Some services and all that they need, directly or not, in the order in which they were described. */
  withNeeds(names: Iterable<string>): readonly string[] {
    const wanted = new Set<string>();
    const want = (name: string) => {
      if (wanted.has(name)) return;
      wanted.add(name);
      this.needs(name).forEach(want);
    };
    for (const name of names) want(name);
    return [...this.#needs.keys()].filter((name) => wanted.has(name));
  }

  /** A way from a service back to itself. */
  #cycle(): string[] | undefined {
    const free = new Set<string>();
    const path: string[] = [];
    const visit = (name: string): string[] | undefined => {
      if (free.has(name)) return undefined;
      const start = path.indexOf(name);
      if (start !== -1) return [...path.slice(start), name];
      path.push(name);
      for (const other of this.needs(name)) {
        const cycle = visit(other);
        if (cycle !== undefined) return cycle;
      }
      path.pop();
      free.add(name);
      return undefined;
    };
    for (const name of this.#needs.keys()) {
      const cycle = visit(name);
      if (cycle !== undefined) return cycle;
    }
    return undefined;
  }
}
