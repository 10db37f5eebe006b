/** The scalar types of QMP's own schema that need more than a type name. */

import * as v from "valibot";
import type { Json } from "../json.ts";

/** A count or a size in bytes. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** A process or thread of the host. */
export const threadId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** An integer that may need all its 64 bits. */
export const int64 = v.pipe(
  v.union([v.pipe(v.number(), v.safeInteger()), v.bigint()]),
  v.transform((value) => BigInt(value)),
);

/** Anything; what came is JSON in any case. */
export const json = v.custom<Json>(() => true);
