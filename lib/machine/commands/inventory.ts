import {
  command,
  CommandFailure,
  flag,
  type Json,
  optional,
  text,
} from "../../qmp/mod.ts";
import { MACHINE_TYPE } from "../options.ts";
import type { Machine } from "../machine.ts";
import type { CommandGroup } from "./context.ts";

/** QEMU's queries about things that this machine does not have; all return []. */
const NONE_OF = [
  "query-block",
  "query-block-exports",
  "query-block-jobs",
  "query-chardev",
  "query-fdsets",
  "query-iothreads",
  "query-jobs",
  "query-memory-devices",
  "query-pci",
  "query-vnc-servers",
];

/** The parts of the machine, in QEMU's format. */
export const INVENTORY_COMMANDS: CommandGroup = ({ machine }) => ({
  ...Object.fromEntries(
    NONE_OF.map((name) => [name, command({}, (): Json => [])]),
  ),
  "query-named-block-nodes": command(
    { flat: optional(flag()) },
    (): Json => [],
  ),
  "query-cpus-fast": command({}, () => [{
    "cpu-index": 0,
    "qom-path": "/machine/unattached/device[0]",
    "thread-id": Deno.pid,
    target: "riscv32",
  }]),
  "query-machines": command({}, () => [{
    name: MACHINE_TYPE,
    "cpu-max": 1,
    "hotpluggable-cpus": false,
    "numa-mem-supported": false,
    deprecated: false,
    "is-default": true,
  }]),
  "query-memdev": command({}, () => {
    const { id, size, share, named } = machine.options.ram;
    return named
      ? [{
        id,
        size,
        share,
        merge: false,
        dump: true,
        prealloc: false,
        policy: "default",
        "host-nodes": [],
      }]
      : [];
  }),
  "qom-list": command({ path: text() }, ({ path }) => {
    return [...propertiesOf(machine, path)].map(([name, { type }]) => ({
      name,
      type,
    }));
  }),
  "qom-get": command(
    { path: text(), property: text() },
    ({ path, property }) => {
      const found = propertiesOf(machine, path).get(property);
      if (found !== undefined) return found.value;
      throw new CommandFailure(`Property '${path}.${property}' not found`);
    },
  ),
});

interface Property {
  readonly type: string;
  readonly value: Json;
}

/** @throws {CommandFailure} for an object that does not exist */
function propertiesOf(machine: Machine, path: string): Map<string, Property> {
  const properties = objects(machine).get(path);
  if (properties !== undefined) return properties;
  throw new CommandFailure(`Device '${path}' not found`, "DeviceNotFound");
}

/** The QOM tree, as far as an update needs it. */
function objects(machine: Machine): Map<string, Map<string, Property>> {
  const { ram, auxRamShare } = machine.options;
  const backends: [string, Property][] = ram.named
    ? [[ram.id, {
      type: `child<memory-backend-${
        ram.path === undefined ? "memfd" : "file"
      }>`,
      value: ram.id,
    }]]
    : [];
  return new Map([
    [
      "/machine",
      new Map<string, Property>([
        ["type", { type: "string", value: `${MACHINE_TYPE}-machine` }],
        ["aux-ram-share", { type: "bool", value: auxRamShare }],
      ]),
    ],
    ["/machine/peripheral", new Map()],
    ["/machine/peripheral-anon", new Map()],
    ["/objects", new Map(backends)],
  ]);
}
