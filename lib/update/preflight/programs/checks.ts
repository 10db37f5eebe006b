import type { PreflightCheck } from "../check.ts";
import { newBinary } from "./binary.ts";
import { compat } from "./compat.ts";
import { confinement } from "./confinement.ts";
import { cprExec } from "./cpr_exec.ts";
import { deviceState } from "./device_state.ts";
import { libvirt } from "./libvirt.ts";
import { namespaces } from "./namespaces.ts";
import {
  newAccelerator,
  newDevices,
  newMachine,
  newProgram,
} from "./new_program.ts";
import { parent } from "./parent.ts";
import { processAccess } from "./process_access.ts";
import { sandbox } from "./sandbox.ts";
import { service } from "./service.ts";
import { newOptions, wayBack } from "./trials.ts";

/** The programs, old and new. */
export const PROGRAM_CHECKS: readonly PreflightCheck[] = [
  processAccess,
  libvirt,
  service,
  cprExec,
  newBinary,
  newProgram,
  newMachine,
  newDevices,
  newAccelerator,
  newOptions,
  wayBack,
  compat,
  deviceState,
  sandbox,
  confinement,
  namespaces,
  parent,
];
