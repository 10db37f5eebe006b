/** The scalar types of QMP's own schema that need more than a type name. */

import * as v from "valibot";

/** A number of something. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** A process or thread of the host. */
export const threadId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
