import { ok, type PreflightCheck } from "../check.ts";

/** Says what cannot be known. */
export const blindSpots: PreflightCheck = {
  id: "blind-spots",
  run() {
    return Promise.resolve(ok(
      "QEMU does not tell, so nobody can check: set_link, a balloon's target, " +
        "watchdog and other actions, a VNC password, an NBD server without " +
        "exports, descriptors given by getfd, most properties set by qom-set",
    ));
  },
};
