/** The tree of objects that a machine is made of. */

import * as v from "valibot";
import type { Json } from "../json.ts";
import type { Query } from "./query.ts";
import { json } from "./scalars.ts";

const propertyInfo = v.object({
  name: v.string(),
  /** Such as "bool", "child<virtio-blk-pci>" or "link<memory-backend>". */
  type: v.string(),
  description: v.optional(v.string()),
});
export type PropertyInfo = v.InferOutput<typeof propertyInfo>;
/** Wants `path`. */
export const QOM_LIST: Query<PropertyInfo[]> = {
  command: "qom-list",
  reply: v.array(propertyInfo),
};

/** Wants `path` and `property`. */
export const QOM_GET: Query<Json> = { command: "qom-get", reply: json };
/** Wants `path` and `property`, which must be a string, a link or an enum. */
export const QOM_GET_STRING: Query<string> = {
  command: "qom-get",
  reply: v.string(),
};
