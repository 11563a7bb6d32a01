// The page, put together.

import { Unreachable } from "./api.js";
import { startBackstage } from "./backstage.js";
import { startComposer } from "./composer.js";
import { startMessages } from "./messages.js";
import { startModal } from "./modal.js";
import { startShell } from "./shell.js";
import { startTour } from "./tour.js";
import { start, world, emit } from "./world.js";

startShell();
startMessages();
startComposer();
startModal();
startBackstage();

const patience = 1500;

async function begin() {
  try {
    await start();
    document.body.classList.add("ready");
    startTour();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    world.online = false;
    emit("online");
    setTimeout(begin, patience);
  }
}

begin();
