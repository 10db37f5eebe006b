/** How updates end, for the rows of the table. */

import type { Expected } from "./fault.ts";

/** Nothing was touched. */
export const refused = (says: RegExp): Expected => ({
  outcome: "refused",
  vm: "old",
  says,
});

/** The VM runs on its old program. */
export const rolledBack = (says: RegExp): Expected => ({
  outcome: "rolled-back",
  vm: "old",
  says,
});

/** The VM runs on the new program. */
export const updated = (says: RegExp): Expected => ({
  outcome: "updated",
  vm: "new",
  says,
});

/** Somebody ended the VM when nobody could help it. */
export const ended = (says: RegExp): Expected => ({
  outcome: "needs-person",
  vm: "ended",
  says,
});
