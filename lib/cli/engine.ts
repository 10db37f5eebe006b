/** The operations behind the commands; imported on first use. */

import type { AllReport } from "../update/all/all_report.ts";
import type { HostRequest } from "../update/all/all.ts";
import type { OfDomain } from "../update/domain.ts";
import type { HostList, ListRequest } from "../update/host/list.ts";
import type { PrepareDocument } from "../update/managers/prepare.ts";
import type { StandStill } from "../update/measure/stand_still.ts";
import type { RecoverRequest, Recovery } from "../update/recover/recover.ts";
import type { Report } from "../update/report/report.ts";
import type { PhaseObserver } from "../update/phase.ts";
import type { CheckRequest, UpdateRequest } from "../update/update.ts";

/** A request for one VM: by its monitor, or by its domain. */
export type OfOneVm<Request extends UpdateRequest> =
  | Request
  | OfDomain<Request>;

/** The operations on virtual machines; tests replace it. */
export interface Engine {
  readonly update: (request: OfOneVm<UpdateRequest>) => Promise<Report>;
  readonly check: (request: OfOneVm<CheckRequest>) => Promise<Report>;
  readonly workOnHost: (request: HostRequest) => Promise<AllReport>;
  readonly listVms: (request: ListRequest) => Promise<HostList>;
  readonly prepareVms: (pattern?: string) => Promise<PrepareDocument>;
  readonly prepareCommand: (
    argv: readonly string[],
  ) => Promise<PrepareDocument>;
  readonly measure: (
    pid: number,
    command: readonly string[],
  ) => Promise<StandStill>;
  readonly recover: (request: RecoverRequest) => Promise<Recovery[]>;
  readonly demonstrate: (
    self: readonly string[],
    observer: PhaseObserver,
  ) => Promise<Report>;
}

/** The real one. */
export const ENGINE: Engine = {
  update: async (request) =>
    "address" in request
      ? (await import("../update/update.ts")).update(request)
      : (await import("../update/domain.ts")).updateDomain(request),
  check: async (request) =>
    "address" in request
      ? (await import("../update/update.ts")).check(request)
      : (await import("../update/domain.ts")).checkDomain(request),
  workOnHost: async (request) =>
    (await import("../update/all/all.ts")).workOnHost(request),
  listVms: async (request) =>
    (await import("../update/host/list.ts")).listVms(request),
  prepareVms: async (pattern) =>
    (await import("../update/managers/prepare.ts")).prepareVms(pattern),
  prepareCommand: async (argv) =>
    (await import("../update/managers/prepare.ts")).prepareCommand(argv),
  measure: async (pid, command) =>
    (await import("../update/measure/stand_still.ts"))
      .measureStandStill(pid, command),
  recover: async (request) =>
    (await import("../update/recover/recover.ts")).recover(request),
  demonstrate: async (self, observer) =>
    (await import("../update/demo.ts")).demonstrate(self, observer),
};
