/** Behaviours 53 to 56 on every road. */
import { conform } from "./conformance.ts";
import { ROADS } from "./roads.ts";

for (const road of ROADS) conform(road);
