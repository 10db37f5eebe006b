/** Scalar types of replies. */

import * as v from "valibot";

/** A non-negative integer. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The id of a process or thread of the host. */
export const threadId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
