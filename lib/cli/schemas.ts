/**
 * The schemas of all documents that `--json` prints. Each command prints the
 * document of an error in place of its own.
 *
 * @module
 */

import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { allReportSchema } from "../update/all/all_report.ts";
import { type HostList, LIST_SCHEMA } from "../update/host/list.ts";
import {
  PREPARE_SCHEMA,
  type PrepareDocument,
} from "../update/managers/prepare.ts";
import { RECOVERY_SCHEMA } from "../update/recover/recovery.ts";
import { errorDocumentSchema, reportSchema } from "../update/report/report.ts";
import type { VersionInfo } from "./version_info.ts";

const text = v.nullable(v.string());
const integer = v.pipe(v.number(), v.integer());
const count = v.pipe(integer, v.minValue(0));
const pid = v.pipe(integer, v.minValue(1));
const described = <Schema extends v.GenericSchema>(
  schema: Schema,
  words: string,
) => v.pipe(schema, v.description(words));

const listSchema = v.strictObject({
  schema: v.literal(LIST_SCHEMA),
  vms: v.array(v.strictObject({
    pid,
    name: text,
    program: v.picklist(["QEMU", "cprctl"]),
    version: text,
    status: text,
    binary: v.string(),
    binary_state: v.picklist(["same", "replaced", "deleted"]),
    replaced_libraries: v.array(v.string()),
    due: described(
      v.boolean(),
      "whether an update would change the program or its libraries",
    ),
    qmp: described(text, "for --qmp"),
    domain: described(text, "for --domain"),
    updatable: v.boolean(),
    obstacle: described(text, "the first known obstacle to an update"),
    obstacle_code: described(text, "its stable name"),
  })),
  unreadable: described(count, "the number of further VMs, of other users"),
  skipped: v.array(v.strictObject({ pid, why: v.string() })),
}) satisfies v.GenericSchema<unknown, HostList>;

const prepareSchema = v.strictObject({
  schema: v.literal(PREPARE_SCHEMA),
  vms: v.array(v.strictObject({
    pid: described(v.nullable(pid), "null for a command line after --"),
    name: text,
    manager: v.string(),
    ready: v.boolean(),
    needs: v.array(v.strictObject({ code: v.string(), text: v.string() })),
    add: described(
      v.array(v.strictObject({
        file: v.string(),
        lines: v.array(v.string()),
      })),
      "what to add for the next start, and where",
    ),
  })),
  unreadable: described(count, "the number of further VMs, of other users"),
}) satisfies v.GenericSchema<unknown, PrepareDocument>;

const recoverySchema = v.strictObject({
  schema: v.literal(RECOVERY_SCHEMA),
  results: v.array(v.strictObject({
    name: text,
    pid_before: pid,
    pid_after: v.nullable(pid),
    outcome: v.picklist(["recovered", "rolled-back", "needs-person"]),
    code: described(text, "the error's stable name; null if there is none"),
    message: v.string(),
    remedy: text,
  })),
});

/** What `cprctl recover --json` prints. */
export type RecoveryDocument = v.InferOutput<typeof recoverySchema>;

const versionSchema = v.strictObject({
  version: v.string(),
  commit: text,
  form: v.picklist(["source", "compiled", "portable"]),
  deno: v.string(),
  target: v.string(),
}) satisfies v.GenericSchema<unknown, VersionInfo>;

/** Integers of 64 bits are decimal strings, bytes are hexadecimal. */
const fields = v.record(v.string(), v.unknown());

const inspectError = v.strictObject({
  message: v.string(),
  section: text,
  instance: v.nullable(count),
  field: text,
  offset: v.nullable(count),
});

const inspected = {
  schema: v.literal(1),
  file: v.string(),
  size: count,
  verified: v.optional(
    v.strictObject({
      bytes: count,
      not_understood: count,
      not_understood_in: v.array(
        v.strictObject({ section: v.string(), instance: count, bytes: count }),
      ),
    }),
  ),
  extracted: v.optional(v.array(v.strictObject({
    block: v.string(),
    path: v.string(),
    size: count,
    written: count,
  }))),
  error: v.optional(inspectError),
};

const block = {
  size: count,
  pages: count,
  zero_pages: count,
  sent_bytes: count,
  address: v.optional(v.union([count, v.string()])),
};

const streamSchema = v.strictObject({
  ...inspected,
  format: v.literal("migration-stream"),
  machine: text,
  page_size: count,
  configuration: v.nullable(v.strictObject({
    machine: v.string(),
    capabilities: v.array(v.string()),
    target_page_bits: v.nullable(count),
    uuid: text,
  })),
  sections: v.array(v.strictObject({
    name: v.string(),
    instance_id: count,
    section_id: count,
    version: count,
    offset: count,
    size: count,
    fields: v.optional(fields),
    subsections: v.array(v.looseObject({
      name: v.string(),
      version: count,
      fields,
    })),
    not_decoded: v.optional(v.array(v.strictObject({
      field: v.string(),
      reason: v.string(),
    }))),
  })),
  ram: v.strictObject({
    blocks: v.array(v.strictObject({
      name: v.string(),
      ...block,
      xbzrle_pages: v.optional(count),
      compressed_pages: v.optional(count),
    })),
  }),
  undescribed: v.optional(v.strictObject({ offset: count, size: count })),
});

const cprStateSchema = v.strictObject({
  ...inspected,
  format: v.literal("cpr-state"),
  descriptors: v.array(v.strictObject({
    name: v.string(),
    id: integer,
    descriptor: v.nullable(integer),
  })),
  vfio_devices: v.nullable(v.array(v.strictObject({
    name: v.string(),
    device_id: integer,
    ioas_id: integer,
    hwpt_id: integer,
  }))),
});

const unreadSchema = v.strictObject({
  schema: inspected.schema,
  file: v.string(),
  error: inspectError,
});

const change = v.picklist(["added", "removed", "changed"]);
const difference = v.array(v.strictObject({
  path: v.string(),
  change,
  old: v.optional(v.unknown()),
  new: v.optional(v.unknown()),
}));
const pages = v.nullable(count);

const diffSchema = v.strictObject({
  schema: v.literal(1),
  old: v.string(),
  new: v.string(),
  same: v.boolean(),
  configuration: difference,
  sections: v.array(v.strictObject({
    name: v.string(),
    instance_id: count,
    change,
    fields: difference,
  })),
  ram: v.strictObject({
    blocks: v.array(v.strictObject({
      name: v.string(),
      change,
      old: v.nullable(v.strictObject(block)),
      new: v.nullable(v.strictObject(block)),
      differing_pages: pages,
      only_old_pages: pages,
      only_new_pages: pages,
      first_differing: described(
        v.nullable(v.array(count)),
        "offsets in the block of the first pages that differ",
      ),
    })),
  }),
});

const compatSchema = v.strictObject({
  schema: v.literal(1),
  old: v.string(),
  new: v.string(),
  machine: text,
  verdict: v.picklist(["compatible", "doubtful", "refused"]),
  findings: v.array(v.strictObject({
    rule: v.string(),
    grade: v.picklist(["refuse", "warn"]),
    hit: described(
      v.nullable(v.boolean()),
      "whether it affects the VM; null without a VM",
    ),
    vmsd: text,
    field: text,
    detail: v.string(),
    types: v.array(v.string()),
  })),
  unseen: v.array(v.string()),
});

/** By the names that `cprctl schema` takes. */
const SCHEMAS = {
  report: [reportSchema],
  all: [allReportSchema],
  list: [listSchema],
  prepare: [prepareSchema],
  recover: [recoverySchema],
  inspect: [streamSchema, cprStateSchema, unreadSchema],
  diff: [diffSchema],
  compat: [compatSchema],
  version: [versionSchema],
} as const satisfies Readonly<Record<string, readonly v.GenericSchema[]>>;

/** The name of a document. */
export type DocumentName = keyof typeof SCHEMAS;

/** The schema of a document, or of an error in its place. */
export function documentSchema(name: DocumentName): v.GenericSchema {
  const documents: readonly v.GenericSchema[] = SCHEMAS[name];
  return v.union([...documents, errorDocumentSchema]);
}

/** The same as JSON Schema. */
export function documentJsonSchema(name: DocumentName): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `cprctl: ${name}`,
    ...toJsonSchema(documentSchema(name), { target: "draft-2020-12" }),
  };
}
