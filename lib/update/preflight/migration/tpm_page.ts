import { isEmptyPage } from "../../vm/tpm_page.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";

/** A guest and its firmware have left each other nothing that would be lost. */
export const tpmPage: PreflightCheck = {
  id: "tpm-page",
  async run({ client, facts }) {
    if (facts.tpmPage === undefined) return ok("the VM has no TPM");
    return await isEmptyPage(client, facts.tpmPage)
      ? ok("no request to the TPM waits for the firmware")
      : refuse(
        "The TPM's page of requests to the firmware (physical presence " +
          "interface) is not empty, and QEMU would not preserve it",
        "Shut the guest down and start the VM on the new program",
      );
  },
};
