/** Declarations for the part of `@std/assert` that this repository uses. */

/** A class that can be caught: a constructor, abstract or not, whatever its parameters. */
// deno-lint-ignore no-explicit-any
export type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** What every assertion here throws when it fails. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions);
}

/** Fails unless `condition` is truthy, and narrows it. */
export function assert(condition: unknown, message?: string): asserts condition;

/** Fails unless `condition` is falsy. */
export function assertFalse(condition: unknown, message?: string): void;

/** Tells whether two values are equal in depth. */
export function equal(left: unknown, right: unknown): boolean;

/** Fails unless both values are equal in depth. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void;

/** Fails when both values are equal in depth. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;

/** Fails unless `Object.is(actual, expected)`, and narrows `actual`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T;

/** Fails when `Object.is(actual, expected)`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void;

/** Fails unless the numbers differ by at most `tolerance` (one ten-millionth of `expected` by default). */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void;

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void;

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void;

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void;

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void;

/** Fails when `actual` is `null` or `undefined`, and narrows it. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T>;

/** Fails unless `actual instanceof expectedType`, and narrows it. */
// deno-lint-ignore no-explicit-any
export function assertInstanceOf<T extends abstract new (...args: any[]) => any>(
  actual: unknown,
  expectedType: T,
  message?: string,
): asserts actual is InstanceType<T>;

/** Fails unless `error` is an Error of that class whose message includes or matches `messageMatches`, and narrows it. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  messageMatches?: string | RegExp,
  message?: string,
): asserts error is E;

/** Fails unless the expression matches. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void;

/** Fails when the expression matches. */
export function assertNotMatch(actual: string, expected: RegExp, message?: string): void;

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void;

/** Fails unless each expected element equals, in depth, some element of `actual`. */
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, message?: string): void;

/** Fails unless every property of `expected` is in `actual` with an equal value. */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void;

/** Fails unless `operation` throws; returns what it threw. */
export function assertThrows(operation: () => unknown, message?: string): unknown;
/** Fails unless `operation` throws an error of that class whose message includes `messageIncludes`; returns the error. */
export function assertThrows<E extends Error>(
  operation: () => unknown,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): E;

/** Fails unless the promise of `operation` rejects; returns the reason. */
export function assertRejects(operation: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
/** Fails unless the promise rejects with an error of that class whose message includes `messageIncludes`; returns the error. */
export function assertRejects<E extends Error>(
  operation: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E>;

/** Fails. */
export function fail(message?: string): never;

/** Fails, because a place was reached that cannot be. */
export function unreachable(message?: string): never;
