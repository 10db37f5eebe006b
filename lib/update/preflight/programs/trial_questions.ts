/** What a QEMU without a machine is asked, all at once, and what it says. @module */

import { isObject, type Json } from "../../../qmp/mod.ts";

/** Every one is a type in use; a pipe holds as many questions. */
const MAXIMUM_TYPES = 300;
/** No type of QEMU's has other characters, nor more of them. */
const TYPE = /^[\w.+-]{1,64}$/;

const NETDEV = "netdev_add";

/** What is to be known of a program. */
export interface Questions {
  /** Types of devices, vCPUs, objects and machines. */
  readonly types: readonly string[];
  /** Whether a network backend's options are asked for: that takes longer. */
  readonly netdevs: boolean;
}

/** What a program knows. */
export interface Answers {
  /** Whether it answered to the end. */
  readonly complete: boolean;
  /** A type's properties; undefined where it does not know the type. */
  properties(type: string): ReadonlySet<string> | undefined;
  /** What it said of a type that it does not know. */
  complaint(type: string): string | undefined;
  /** Options of a kind of network backend; undefined where it does not tell. */
  netdevOptions(kind: string): ReadonlySet<string> | undefined;
}

/** The lines to write to it. */
export function scriptOf({ types, netdevs }: Questions): string {
  const asked = [...new Set(types)].filter((type) => TYPE.test(type))
    .slice(0, MAXIMUM_TYPES);
  return [
    { execute: "qmp_capabilities" },
    ...asked.map((typename) => ({
      ...{ execute: "qom-list-properties", id: typename },
      arguments: { typename },
    })),
    ...netdevs ? [{ execute: "query-qmp-schema", id: [NETDEV] }] : [],
    { execute: "quit", id: [] },
  ].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Reads what it printed, which may be anything. */
export function answersIn(printed: string): Answers {
  const properties = new Map<string, Set<string>>();
  const complaints = new Map<string, string>();
  let schema: readonly Json[] = [];
  let complete = false;
  for (const line of printed.split("\n")) {
    const reply = parsed(line);
    if (reply === undefined) continue;
    const { id, error } = reply;
    if (typeof id !== "string") {
      if (!Array.isArray(id)) continue;
      if (id[0] === NETDEV) schema = listIn(reply["return"]);
      else complete = true;
    } else if (isObject(error)) {
      complaints.set(id, String(error["desc"] ?? ""));
    } else {
      properties.set(id, new Set(listIn(reply["return"]).map(nameOf)));
    }
  }
  return {
    complete,
    properties: (type) => properties.get(type),
    complaint: (type) => complaints.get(type),
    netdevOptions: (kind) => netdevOptions(schema, kind),
  };
}

function parsed(line: string): { [key: string]: Json } | undefined {
  try {
    const value: Json = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const listIn = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? value : [];

const nameOf = (value: Json | undefined): string =>
  isObject(value) ? String(value["name"] ?? "") : "";

/** Types in the schema have numbers for names. */
function netdevOptions(
  schema: readonly Json[],
  kind: string,
): ReadonlySet<string> | undefined {
  const named = (name: Json | undefined) =>
    schema.find((it) => isObject(it) && it["name"] === name);
  const command = named(NETDEV);
  const netdev = isObject(command) ? named(command["arg-type"]) : undefined;
  if (!isObject(netdev)) return undefined;
  const variant = listIn(netdev["variants"])
    .find((it) => isObject(it) && it["case"] === kind);
  if (!isObject(variant)) return undefined;
  const own = named(variant["type"]);
  const members = isObject(own) ? listIn(own["members"]) : [];
  return new Set([...listIn(netdev["members"]), ...members].map(nameOf));
}
