// The English of a migration: the wizard, its runs, proof, undo, and what is left to do.
import { counted, count } from "./format";

export const migration = {
  wizard: {
    title: "Migrate into an existing project",
    stepsOf: {
      records: {
        sides: "From and to",
        choose: "Choose",
        rehearsal: "Rehearsal",
        confirm: "Confirm",
        run: "Run",
        proof: "Proof",
        finish: "Finish",
      },
      resources: { sides: "From and to", choose: "Rehearse and choose", confirm: "Confirm", run: "Run" },
    },
    stepOf: (n: number, of: number, name: string) => `Step ${n} of ${of}: ${name}`,
    from: "From",
    to: "To",
    readOnly: "only read",
    written: "written to",

    sidesTitle: "From where to where?",
    sidesLead: "The first is only read, the second is written to. Nothing is ever written to the first.",
    cargo: "What should be moved?",
    cargoRecords: "Records",
    cargoRecordsText: "The records of the devices, with the devices that are missing and their parameters.",
    cargoResources: "What the project is made of",
    cargoResourcesText:
      "Dashboards, actions, analyses, users and everything else that a project holds beside records.",
    source: "From this project",
    target: "To this project",
    choosePlaceholder: "Choose a project",
    sameSides: "From and to are the same project. Choose two different ones.",
    pickBoth: "Choose a project on each side.",
    reading: "Reading both sides…",
    next: "Next",
    back: "Back",

    chooseTitle: "What should be migrated?",
    chooseLead:
      "Everything is chosen. You can narrow it down; the rehearsal then shows what is really missing.",
    devices: "Devices",
    all: "All",
    noneOfThem: "None",
    filterDevices: "Filter by name or tag",
    chosen: (n: number, of: number) => `${count(n)} of ${count(of)} chosen`,
    moreDevices: (n: number) => `${count(n)} more. Filter to see them.`,
    missingOnTarget: "not there",
    recordsOf: (n: number) => counted(n, "record", "records"),
    variables: "Variables",
    timeRange: "Time range",
    timeFrom: "From (local time)",
    timeTo: "To (local time)",
    timeHint: "YYYY-MM-DD HH:MM, or empty for everything.",
    timeIs: (utc: string) => `= ${utc}`,
    timeFromWrong: "From: please write the moment as YYYY-MM-DD HH:MM, for example 2026-10-31 18:00.",
    timeToWrong: "To: please write the moment as YYYY-MM-DD HH:MM, for example 2026-10-31 18:00.",
    timeOrder: "To: it must be later than From.",
    policy: "What to write",
    fill: "Fill the gaps",
    fillText: "Writes only records that are missing there. Right for almost every rescue.",
    append: "Append",
    appendText:
      "Writes every chosen record, also where the same one is already there: that one is then there twice. Only for data that was never there.",
    replace: "Replace a time range",
    replaceText:
      "Afterwards the chosen devices and variables hold in this time exactly what the source holds. Everything else that the target has there is removed, also what devices have sent since the backup was made: end the time before that. Every record is kept whole on this computer first. Immutable and hybrid devices are left out. Choose a beginning and an end.",
    replaceAllVariables:
      "All are chosen: that includes variables that only the target has. Their records in this time are removed.",
    timeHintReplace: "YYYY-MM-DD HH:MM",
    timeFromOpen: "From: replacing needs a beginning. Write it as 2026-10-01 00:00.",
    timeToOpen: "To: replacing needs an end. Write it as 2026-10-31 23:59.",
    toRemove: "records to remove",
    removes: (n: number, devices: number, target: string) =>
      `${counted(n, "record", "records")} in ${counted(devices, "device", "devices")} will be removed from ${target}, because the source does not have ${n === 1 ? "it" : "them"}. That includes what devices have sent there since the backup, if the time reaches that far.`,
    removesCounted: (n: number) =>
      `The target has about ${counted(n, "record", "records")} more in this time. Which ones would be removed, only an exact rehearsal tells.`,
    confirmRemove: (n: number, target: string) =>
      `This removes ${counted(n, "record", "records")} from ${target}. Each is kept whole on this computer before it goes, and taking the run back writes ${n === 1 ? "it" : "them"} again, with the same content and new ids. Keep this computer’s Holdfast data until you are sure: it is the only copy. Immutable and hybrid devices are left out altogether: nothing is removed there, and nothing written.`,
    confirmWake: (n: number, target: string) =>
      n === 1
        ? `One device is inactive in ${target}. It is switched on while its records are written, and off again after: for so long it takes whatever is sent to it. To leave it out, go back and untick it.`
        : `${count(n)} devices are inactive in ${target}. Each is switched on while its records are written, and off again after: for so long it takes whatever is sent to it. To leave them out, go back and untick them.`,
    lane: "How records travel",
    stream: "One request after the other",
    streamText: "Every request says how many records arrived. Each record counts as data input.",
    file: "In files, where that is cheaper or quieter",
    fileText:
      "For devices with 10,000 records or more to write, or with a payload parser: counts no data input and wakes no parser. A throw-away device in the target shows first what a file brings back; everything else travels as usual.",
    inactive: "Devices that are inactive",
    wake: "Activate them meanwhile",
    wakeText: "They are active while their records are written, and inactive again afterwards.",
    leave: "Leave them",
    leaveText: "They stay inactive, and their records are left out.",
    depth: "How closely to look",
    exact: "Exactly",
    exactText: "Reads and compares every record on both sides. What it finds can be written.",
    counted: "Count only",
    countedText:
      "Compares the counts of each device. Gives figures that are “about” right, and cannot be run.",
    depthCost: (time: string, requests: string, records: number) =>
      records === 0
        ? `About ${time}, with about ${requests}. No record is read.`
        : `About ${time}, with about ${requests}. Up to ${counted(records, "record is", "records are")} read on each side.`,
    countedTitle: "These figures are “about” right",
    countedNote:
      "Only the counts on both sides were compared. Rehearse exactly to see which records are missing or too many, and to write them.",
    countedNothingTitle: "The target has at least as many records as the source",
    countedNothing:
      "As far as counting tells, nothing is missing. Whether the records are the same, only an exact rehearsal tells.",
    countedNothingReplaced:
      "As far as counting tells, nothing would change. Whether the records are the same, only an exact rehearsal tells.",
    countedSameTitle: "The counts are the same on both sides",
    countedResult: "What was counted, about",
    rehearseExactly: "Rehearse exactly",
    planEveryVariable: "All variables",
    nothingChosen: "Choose at least one device and one variable.",
    rehearse: "Rehearse",
    rehearseNote:
      "The rehearsal reads both sides and writes no data. If both look like one project, it makes a token on the target for a moment, to be sure, and removes it.",

    rehearsing: "Rehearsing: no data is written",
    phases: {
      connecting: "Connecting",
      assessing: "Checking both sides",
      scanning_source: "Reading the source",
      scanning_target: "Reading the target",
      comparing: "Comparing record by record",
      done: "Done",
      failed: "Stopped",
    },
    cancelRehearsal: "Cancel",
    progressOf: (done: string, total: string) => `${done} of ${total}`,
    checks: "Checks",
    checksPassed: (n: number) => counted(n, "check passed", "checks passed"),
    checksAll: "Show all checks",
    checksFewer: "Show fewer",
    verdict: { pass: "Passed", warn: "Look at this", block: "Stops the migration" },
    blocked: "The migration cannot go on until this is solved. Nothing was written.",
    rehearsalTitle: "What the rehearsal found",
    missing: "records missing",
    toWrite: "records to write",
    create: "devices to create",
    update: "devices to change",
    present: "records already there",
    conflicts: "conflicts, left alone",
    blockedItems: "blocked",
    time: "Time it will take",
    timeText: (range: string, requests: string, removes: boolean) =>
      `${range} at that share, with ${requests}${removes ? ", for writing. Removing comes on top" : ""}`,
    requests: (n: number) => counted(n, "request", "requests"),
    share: "How much of the project’s limits it uses",
    shareText: (tenths: number, inUse: boolean) =>
      inUse
        ? `${tenths / 10} %: the project is in use. You can change this on the next page.`
        : `${tenths / 10} %: nothing was sent to it lately. You can change this on the next page.`,
    cost: "Cost of the restored project meanwhile",
    costText: (hour: string) => `${hour} for each started hour`,
    nothing: (target: string) => `Nothing to do: ${target} already has everything that you chose.`,
    nothingTitle: "Nothing is missing",
    nothingWrittenTitle: "Nothing will be written",
    nothingWritten: (differing: number, blocked: number) =>
      `${notEverything(differing, blocked)} Look at them below before you delete the project that they come from.`,
    cutoff: (when: string) =>
      `Only records up to ${when} are part of this plan. What devices send meanwhile is left alone.`,
    planTitle: "The plan, item by item",
    planFilter: "Filter by device or variable",
    planVerdict: "Show",
    planAllVerdicts: "Everything",
    planVerdicts: {
      create: "create",
      update: "change",
      fill: "fill",
      remove: "remove",
      skip: "already there",
      conflict: "conflict",
      blocked: "blocked",
    },
    planKinds: { device: "Device", data: "Data", params: "Configuration parameters", tags: "Tags" },
    planItem: "Item",
    planWhat: "Verdict",
    planWhy: "Why",
    planFillAndRemove: "fill and remove",
    planRemoves: (n: number, target: string) =>
      `${counted(n, "record", "records")} that only ${target} has ${n === 1 ? "is" : "are"} removed.`,
    planToRemove: "To remove",
    planMissing: "Missing",
    planThere: "There",
    planEmpty: "No item matches.",

    stripTitle: "Day by day",
    stripLegend: { missing: "missing", part: "partly missing", there: "there", written: "written now" },
    stripHelp: "Use the arrow keys to read it day by day.",
    stripSummary: (device: string, missing: number, dayCount: number, toRemove: number) =>
      (missing === 0
        ? `${device}: nothing missing`
        : `${device}: ${counted(missing, "record", "records")} missing on ${counted(dayCount, "day", "days")}`) +
      (toRemove > 0 ? `, ${count(toRemove)} to remove` : ""),
    stripReadout: (device: string, day: string, missing: number, present: number) =>
      `${device}, ${day}: ${count(missing)} missing, ${count(present)} there`,
    stripOther: (n: number) => `${counted(n, "device", "devices")} without anything missing`,
    stripShow: "Show them",
    stripUtc: "Days are counted in UTC.",

    confirmTitle: "Before anything is changed",
    confirmText: (records: number, removed: number, devices: number, target: string) =>
      `Holdfast will now ${changes(records, removed, target)}` +
      (devices > 0 ? ` and create ${counted(devices, "device", "devices")} there.` : "."),
    confirmNote: (lasting: boolean, removes: boolean) =>
      `Only what the rehearsal listed is ${removes ? "written or removed" : "written"}, and only where that project is still as it was. ${removes ? "No other record there is touched." : "Nothing there is deleted or overwritten."} You can stop at any time, and take the run back afterwards${exceptListed(lasting)}.`,
    confirmAppend: "You chose to append: records that are already there will be there twice.",
    confirmLetFire: (n: number) =>
      `You chose to let ${counted(n, "action", "actions")} act: e-mails and messages about old records will go out.`,
    confirmHold: (n: number) =>
      `${counted(n, "action is", "actions are")} switched off while this runs, also for what devices send meanwhile.`,
    confirmName: (name: string) => `Type the name of the project that is changed: ${name}`,
    confirmRun: "Write into this project",
    confirmRemoveAndRun: "Remove and write in this project",
    confirmRemoveOnly: "Remove from this project",
    backToRehearsal: "Back to the rehearsal",
    rehearseAgain: "Rehearse again",
  },

  share: {
    label: "How much of the project’s limits to use",
    percent: (tenths: number) => `${tenths / 10} %`,
    meaning: (tenths: number, inUse: boolean) => {
      const left = `At most ${tenths / 10} % of the requests that the project allows in a minute. It stays so for the whole run.`;
      if (!inUse)
        return `${left} Nothing was sent to it in the six hours before the rehearsal. If devices will send meanwhile, choose 60 %.`;
      return tenths > 600
        ? `${left} Little is left for its devices and people: what they send may be refused. 60 % is safer.`
        : `${left} The rest is left for its devices and people.`;
    },
    time: (range: string, removes: boolean) =>
      `It will then take ${range}${removes ? " for writing. Removing comes on top" : ""}.`,
  },

  rest: {
    back: "Back to the run",
    heldTitle: "Held back, and why",
    heldLead:
      "This was not done, or not to the end. Beside each stands why. What was written or removed before stays and is in the report.",
    heldLater: "You can rehearse these again when the run is over.",
    heldOnly: "This is only what was held back. For all that is still missing, rehearse from the beginning.",
    rehearseHeld: "Rehearse these again",
    rehearseHeldNote: "Nothing is written before you have seen the new plan and agreed to it.",
    damagedTitle: "What is written stays. The rest can be planned again",
    damagedRecords:
      "This run can be neither resumed nor taken back. What it wrote stays, and both projects still show what is there. “Plan again” gives it up for good: it waits up to two minutes, takes away what this run left of its own (temporary tokens, and tags that mark what it made), compares both projects and shows you a new plan. No record is written or removed before you agree to it, and none is written twice.",
    damagedReplaced:
      "If this run removed records to replace a time range, they are kept in its folder on this computer (kept/). They are not written back by themselves, and the new plan replaces the same time again. Taking that back writes back only what it removes itself.",
    damagedResources:
      "This run can be neither resumed nor taken back. Both projects still show what is there and what is missing. Holdfast compares them and shows you a plan of what is missing. Nothing is written before you agree to that plan, and nothing is made twice.",
    plannedAgain:
      "The journal of this run was damaged, so what it lacked was planned again. If you ran that plan, it is under History, newest first; nothing is left to do here. If you did not, plan once more. Look once at the project’s actions: those that this run held may still be switched off.",
    planAgain: "Plan again what is missing",
    tidied: (n: number) =>
      n === 1
        ? "One thing that the damaged run had left of its own was taken away"
        : `${count(n)} things that the damaged run had left of its own were taken away`,
    showTidied: (n: number) => (n === 1 ? "Show it" : "Show them"),
    hideTidied: (n: number) => (n === 1 ? "Hide it" : "Hide them"),
    goneTitle: "What the damaged run removed does not come back by itself",
    goneText:
      "It replaced a time range. Whatever it had removed by then is kept in its folder on this computer (kept/): do not delete that folder. Taking back the new run writes back only what the new run removes.",
    switchedOff: "Actions to look at",
    switchedOffText:
      "These were on before the damaged run and are off now. It may have switched them off. Open them in the project, and switch on those that should be on; until then they send no alarm.",
  },

  guard: {
    choice: "Actions that the records would set off",
    hold: "Hold them",
    holdText:
      "They are switched off while records are written, and on again afterwards. No alarm goes out for old data. For that time none goes out for new data either: watch by other means what must not go unseen.",
    letFire: "Let them act",
    letFireText: "They act on each record as if it had just been sent: e-mails, messages and scripts go out.",
    planTitle: (n: number) =>
      n === 1 ? "One action would be set off" : `${count(n)} actions would be set off`,
    planHold:
      "They are switched off while records are written, also for what devices send meanwhile, and on again afterwards.",
    planLetFire: "You chose to let them act on each record that is written.",
    title: "Actions that the records would set off",
    heldNow: (n: number) =>
      n === 1
        ? "One action is switched off now. Until it is on again it acts on nothing, new data included."
        : `${count(n)} actions are switched off now. Until they are on again they act on nothing, new data included.`,
    released: (n: number) =>
      `${counted(n, "action was", "actions were")} held and ${n === 1 ? "is" : "are"} switched on again.`,
    nothingFired: (n: number) =>
      `Nothing was set off. ${counted(n, "action was", "actions were")} held and ${n === 1 ? "is" : "are"} switched on again.`,
    someActed: (n: number) => `${counted(n, "action", "actions")} acted meanwhile, or may have: see below.`,
    states: {
      untouched: "Not touched yet",
      held: "Held",
      doubtful: "Being looked for: the answer to a switch was lost",
      released: "Switched on again",
      inactive: "Was switched off already, and stays so",
      switched_on: "Somebody switched it on meanwhile",
      gone: "Was deleted meanwhile",
      left_off: "May still be switched off: the run was given up",
      let_fire: "Acts on the records, as you chose",
    },
    release: "Switch them on again",
    releaseText:
      "They stay switched off until the run goes on. “Switch them on again” ends this run: what is written stays, and what is missing needs a new rehearsal.",
    releaseUndo:
      "They stay switched off until the taking back goes on. “Switch them on again” leaves it where it is.",
    releaseStopped:
      "This run is stopped and leaves them switched off. “Switch them on again” writes no record; what is missing needs a new rehearsal.",
    pausedText: "They stay switched off while the run is paused. Resume it, or choose “Stop…”.",
  },

  giveUp: {
    offer: (target: string) => `Does ${target} not exist any more?`,
    offerText:
      "If it may come back, wait, and choose “Resume” then. If it is gone for good, this run cannot come to its end: give it up.",
    begin: "Give up…",
    ask: "Give this run up?",
    askText: (target: string) =>
      `Use this only if ${target} does not exist any more. Nothing is sent. The run is over then; it cannot be resumed.`,
    sourceGone: (source: string, target: string) =>
      `It does not answer. If it may come back, wait, and choose “Resume” then. If it is gone for good, choose “Stop…”: what is written stays in ${target}, and what the run has switched there is switched back. After that you can still take the run back: ${source} is not needed for it.`,
    leaves: (records: number, actions: string[], awake: string[], batches: number) => {
      const stored = `If the project still exists, this is left there: ${counted(records, "stored record", "stored records")}`;
      const off =
        actions.length > 0
          ? `, ${counted(actions.length, "action", "actions")} switched off (${actions.join(", ")})`
          : "";
      const active =
        awake.length > 0
          ? `, ${counted(awake.length, "device", "devices")} active that ${awake.length === 1 ? "was" : "were"} inactive (${awake.join(", ")})`
          : "";
      const doubt =
        batches > 0
          ? `, and ${counted(batches, "batch", "batches")} of which nobody knows whether ${batches === 1 ? "it" : "they"} arrived`
          : "";
      return `${stored}${off}${active}${doubt}.`;
    },
    confirm: "Give up",
    title: (when: string) => `Given up on ${when}`,
    stay: (n: number) =>
      n === 0
        ? "It had stored no record."
        : n === 1
          ? "One record that it stored stays."
          : `${count(n)} records that it stored stay.`,
    lead: (target: string) => `If ${target} still exists:`,
    actions: (names: string[]) => `Switch on these actions, here or yourself: ${names.join(", ")}.`,
    awake: (names: string[]) =>
      `Make these devices inactive again, as they were before, here or yourself: ${names.join(", ")}.`,
    tokens: (names: string[]) => `Remove the token “Holdfast run …” from: ${names.join(", ")}.`,
    incomplete: (names: string[]) => `These devices were made and not completed: ${names.join(", ")}.`,
    files: "Files of this run may be there. The next run takes them away.",
    batches: (n: number) =>
      n === 1
        ? "Of one batch nobody knows whether it arrived. A new rehearsal shows what is missing."
        : `Of ${count(n)} batches nobody knows whether they arrived. A new rehearsal shows what is missing.`,
    nothing: "Nothing else is left of it.",
    removeTokens: "Remove the tokens",
    releaseAll: "Put all this right",
  },

  leftActive: {
    title: (n: number) =>
      n === 1 ? "A device may still be active" : `${count(n)} devices may still be active`,
    text: (names: string[], target: string) =>
      names.length === 1
        ? `${names[0]} was inactive in ${target}. The run activated it for its records and has not made it inactive again. Until then it takes whatever is sent to it.`
        : `These were inactive in ${target}. The run activated them for their records and has not made them inactive again. Until then they take whatever is sent to them: ${names.join(", ")}.`,
    rest: "Make inactive again",
    withActions: "“Switch them on again”, above, also makes what is named here inactive again.",
    ends: "“Resume” goes on with the run, which does it at the end. “Make inactive again” does it now and ends the run: what is written stays, and what is missing needs a new rehearsal.",
    undo: "“Make inactive again” leaves the taking back where it is.",
    over: "“Make inactive again” writes no record.",
    changed:
      "What somebody has changed since is left as it is and stays named here: then look at it in the project.",
  },

  run: {
    title: (target: string) => `Migrating into ${target}`,
    titleOver: (target: string) => `Migration into ${target}`,
    titleDone: (target: string) => `Migrated into ${target}`,
    state: {
      running: "Running",
      pausing: "Pausing after this batch…",
      paused: "Paused",
      settling: "Making sure what arrived",
      proving: "Proving",
      done: "Done",
      done_with_exceptions: "Done, with exceptions",
      stopped: "Stopped",
      undoing: "Taking back",
      undo_paused: "Taking back was interrupted",
      undone: "Taken back",
      planned_again: "Given up: the rest was planned again",
      given_up: "Given up",
      failed: "Stopped by a problem",
    },
    doneCounted: "Done, not proven",
    progress: "Records written",
    progressRemoved: "Records removed",
    removed: (n: number, of: number) => `${count(n)} of ${counted(of, "record", "records")} removed`,
    of: (done: string, total: string) => `${done} of ${total}`,
    rate: "Rate",
    perSecond: (n: string) => `${n} records per second`,
    remaining: "Remaining",
    steps: "Steps",
    started: "Started",
    finished: "Finished",
    measuring: "being measured",
    noRecords: "no records in this plan",
    pause: "Pause",
    resume: "Resume",
    stop: "Stop…",
    stopTitle: "Stop this migration?",
    stopText: (replaces: boolean) =>
      `${
        replaces
          ? "What has been written stays, and what has been removed stays removed (it is kept on this computer). You cannot resume this run afterwards: rehearse again for the rest, or take the run back."
          : "What has been written stays. You cannot resume this run afterwards: either rehearse again, which plans only what is still missing, or take the run back."
      } Afterwards, look at this page: it names actions that are still switched off, and devices that are still active, and offers to put that right.`,
    stopConfirm: "Stop it",
    resumeNote:
      "It goes on where it stopped. A batch whose fate is unknown is looked up first, so nothing is doubled.",
    toCheck: (n: number) => counted(n, "batch to check again", "batches to check again"),

    proofTitle: "Proof",
    proofWaiting:
      "After the last record, Holdfast reads every record of the plan back from the target and compares it with what was rehearsed. Then you can also have it compared record by record, which reads the source again.",
    proofStopped: "This run was stopped, so it is not proven. Choose “Prove again” to see what is there.",
    proving: "Reading the records back…",
    stopProof: "Stop the proof",
    stopProofNote: "What is compared until then is kept, and what was written stays.",
    proofHalf:
      "A proof was interrupted. “Prove again” goes on where it stopped, if it looks as closely; “From the beginning” reads everything again.",
    proveAfresh: "From the beginning",
    green: "Proven: everything in the plan is there, unchanged and once",
    greenReplaced:
      "Proven: everything in the plan is there, unchanged and once, and what was to be removed is gone",
    notGreen: "Not proven: see the differences below, then rehearse again",
    notDone: "Not proven: not everything was done. See what was held back above, then rehearse again",
    notReached: "Not proven: the run was stopped before everything was done. Rehearse again for the rest",
    notCompared: "Not proven: not everything could be compared. Rehearse again to see what is missing",
    checked: (records: number, ranges: number, how: string, when: string) =>
      `${counted(records, "record", "records")} in ${counted(ranges, "time range", "time ranges")} ${records === 1 ? "was" : "were"} compared, ${when}. How closely: ${how.toLowerCase()}.`,
    counted: (ranges: number, how: string, when: string) =>
      `The records in ${counted(ranges, "time range", "time ranges")} were counted, ${when}. How closely: ${how.toLowerCase()}.`,
    depth: "How closely to look",
    depths: {
      counts: { label: "Counts only", detail: "Quick. Content is not compared, so it proves nothing." },
      content: { label: "Content", detail: "Every record there, against the plan." },
      records: { label: "Record by record", detail: "Every record on both sides, field by field." },
    },
    provenButLeftOut: "Proven, except for the records that were left out: see below",
    countsAgreeButLeftOut:
      "The counts agree, except for the records that were left out. Content was not compared, so nothing is proven",
    leftOut: "Left out, and why",
    leftOutInactive: (target: string) =>
      `Devices that are inactive in ${target} were left out, as you chose. If that is right, you need do nothing. If you want their records too, choose “Rehearse again”, and there “Activate them meanwhile”.`,
    leftOutOther:
      "The plan could not write these; beside each stands why. Once that is solved, choose “Rehearse again”.",
    leftOutRow: (n: number, inactive: boolean, reason: string) => {
      const why = inactive ? "The device is inactive there, and you chose to leave it." : reason;
      return n > 0 ? `${counted(n, "record", "records")} not written. ${why}` : why;
    },
    otherwise: "Not as planned",
    otherwiseLead: "Here no single record can be shown. Beside each stands what was found.",
    countsAgree: "The counts agree. Content was not compared, so nothing is proven",
    records: (n: number) => counted(n, "record", "records"),
    missing: "missing",
    changed: "changed",
    doubled: "doubled",
    notRemoved: "should be gone",
    differences: "Differences",
    differencesFirst: (n: number) => `The first ${count(n)} are shown. The report has all.`,
    kind: { missing: "Missing", changed: "Changed", doubled: "Doubled", not_removed: "Should be gone" },
    difference: "Difference",
    device: "Device",
    variable: "Variable",
    moment: "Time",
    expected: "Expected",
    found: "Found",
    proveAgain: "Prove again",

    tokensTitle: "Tokens, old and new",
    worklistLead:
      "A device that was created anew has new tokens, and receives nothing until these are in use. Beside each token stands what to do. Tokens are shown as fingerprints, never in full.",
    worklistUnchanged: (n: number) =>
      `${counted(n, "token", "tokens")} of devices that were not made anew: nothing to update.`,
    worklistShow: "Show them",
    worklistHide: "Hide them",
    worklistNone: "No token has changed, so nothing outside needs an update.",
    tokenOf: "Device",
    tokenName: "Token",
    serial: "Serial number",
    old: "Old",
    new: "New",
    update: "Update",
    exceptions: "Exceptions",
    reportTitle: "Report",
    reportText: (records: string, removed: number, devices: string) =>
      `${records} written, ${removed > 0 ? `${count(removed)} removed, ` : ""}${devices} created.`,
    devices: (n: number) => counted(n, "device", "devices"),
    reportOpen: "Open the printable report",
    reportFiles: (json: string) => `For machines and spreadsheets: ${json} and the files beside it.`,
    proveLine: "Anybody can repeat the proof with this line:",

    finishTitle: "Keep or delete the restored project?",
    finishText: (name: string) =>
      `${name} costs money until you delete it. The proof covers only what you chose for this run. Delete it when nothing else is to come from it (other devices or times, dashboards, actions) and nothing sends to it any more. It cannot be brought back; only its backup can be restored again, while that is kept.`,
    finishGreenFirst: (name: string) =>
      `The proof is not green. Keep ${name}. Look above at what is not as planned, then rehearse again: the next plan has what is still missing. If you changed those records yourself since, that is the difference.`,
    finishLeftOut: (name: string) =>
      `What was left out is only in ${name} and in its backup. Keep it while you may want that. When you are sure, delete it under “Restored projects”.`,
    finishCounted: (name: string) =>
      `Only counts were compared, which proves nothing. Keep ${name}, and prove again by content.`,
    keep: "Keep it for now",
    keepDone: "Kept. It stays in the list of restored projects, with its meter.",
    delete: (name: string) => `Delete ${name}…`,
    resourcesTitle: "And what the project is made of?",
    resourcesText:
      "Dashboards, actions, analyses and the like are moved separately, between the same two projects.",
    resourcesNext: "Go on with dashboards and the rest",
    finishGone: (name: string) => `${name} is gone. It costs nothing any more.`,
  },

  work: {
    title: "What you must still do",
    lead: (open: number, all: number) =>
      `${count(open)} of ${count(all)} open. What can be seen to be done is ticked by itself; tick the rest when you have done it.`,
    allDone: "Everything on this list is done.",
    look: "Look again",
    stopLooking: "Stop looking",
    seen: (what: string) => `Seen to be done. ${what}`.trim(),
    byHand: "You said that it is done.",
  },

  undo: {
    title: "Take it back",
    begin: "Take this run back…",
    goOn: "Go on taking it back…",
    goOnText: "Taking it back was interrupted. What is taken back stays so; the rest can be gone on with.",
    ask: "Take this run back?",
    confirm: "Take it back",
    stop: "Stop here",
    text: "Records that this run wrote are removed, devices that it made are deleted, and devices that it changed get what they had, wherever nobody changed anything since. The project that they came from is not needed for that.",
    askText: (target: string) =>
      `In ${target}, the records that this run wrote are removed, devices that it made are deleted with their tokens, and devices that it changed get what they had. What somebody changed since is kept. To write all this again later, you need the project that it came from, or a backup that still exists.`,
    textReplaced:
      "Records that this run removed are written again, records that it wrote are removed, devices that it made are deleted, and devices that it changed get what they had, wherever nobody changed anything since. The project that they came from is not needed for that.",
    askReplaced: (target: string, n: number) =>
      `In ${target}, the ${counted(n, "record", "records")} that this run removed ${n === 1 ? "is" : "are"} written again; the records that it wrote are removed; devices that it made are deleted with their tokens; devices that it changed get what they had. What somebody changed since is kept. Actions that these records would set off are switched off meanwhile, unless you chose to let them act.`,
    irreversible: "This cannot be taken back afterwards",
    notAsBefore: "What is not quite as before, if you take this back",
    progress: "Records taken back",
    takenBack: "taken back",
    recordsBack: "records taken back",
    recordsAgain: "records written back",
    devicesDeleted: "devices deleted",
    runTitle: (target: string) => `Taking back from ${target}`,
    runTitleDone: (target: string) => `Taken back from ${target}`,
    keptHere: "kept, changed by somebody",
    cannotBe: "impossible to take back",
    undoneTitle: "What came of taking it back",
    reversed: "Taken back",
    kept: "Kept, because somebody changed it since",
    impossible: "Cannot be taken back",
    recordsRemoved: (n: number) => `${counted(n, "record", "records")} removed.`,
    recordsWrittenBack: (n: number) => `${counted(n, "record", "records")} written back.`,
    ofRecords: (n: number) => counted(n, "record", "records"),
    between: (from: string, to: string) => `, from ${from} to ${to}`,
    device: {
      deleted: "The device, which the run had made, is deleted.",
      restored: "The device has the fields, tags and parameters that it had.",
    },
    resource: {
      deleted: "Deleted.",
      restored: "Has what it had before.",
      entries_restored: "Its entries are what they were.",
    },
  },

  resources: {
    reading: "Reading both sides. Nothing is written.",
    found: "What the rehearsal found",
    create: "to make",
    update: "to change",
    same: "already there",
    left: "differ, left alone",
    blocked: "blocked",
    nothingTitle: "Nothing to do",
    nothing: (target: string) => `${target} has everything that you chose.`,
    nothingWritten: (differing: number, blocked: number) =>
      `${notEverything(differing, blocked)} Look at them below before you delete the project that they come from.` +
      (differing > 0 ? " To change those that differ, choose “Take the source’s” for each." : ""),
    chooseLead:
      "What is ticked is part of the plan. Leave out what you do not want, and say what becomes of things that differ; then rehearse again.",
    toDo: (n: number, of: number) => `${count(n)} of ${count(of)} to write`,
    withTheirDashboard: "come along with their dashboards",
    show: "Show",
    hide: "Hide",
    stale: "Your choice has changed. Rehearse again to see what will be written.",
    onDifference: "If it differs",
    conflict: {
      keep_target: "Keep the one there",
      take_source: "Take the source’s",
      merge_tags: "Merge the tags",
      both: "Have both",
    },
    verdicts: {
      create: "make",
      update: "change",
      fill: "fill",
      remove: "remove",
      skip: "already there",
      conflict: "left alone",
      blocked: "blocked",
    },
    leftOut: "left out",
    scriptsTitle: "Code of analyses",
    scriptsText:
      "A backup of a project holds no code of analyses. If you have it in a folder on this computer, for example in an unpacked profile backup, Holdfast takes it from there. A file belongs to an analysis if its name has the analysis’s id, or is its name. Without a folder, you upload the code yourself afterwards.",
    scriptsFolder: "Folder with the code",
    scriptsHint: "The whole path, for example /home/you/backup. The folder is only read.",
    scriptsLook: "Look in this folder",
    scriptsWithout: "Do without a folder",
    filter: "Filter by name",
    noMatch: "Nothing matches.",
    noneChosen: "Nothing is chosen. Tick what you want to move.",
    tagKey: "Tag key",
    tagValue: "Value, or empty for any",
    chooseTagged: "Choose only these",
    leadsNowhere: (places: string) => `Ids that lead nowhere, at: ${places}.`,
    gaps: "Could not be read, and is not part of the plan",
    kinds: {
      network: "Networks",
      connector: "Connectors",
      secret: "Secrets",
      dictionary: "Dictionaries",
      file: "Files",
      device: "Devices",
      entity: "Entities",
      analysis: "Analyses",
      run_user: "Run users",
      dashboard: "Dashboards",
      widget: "Widgets",
      access: "Access rules",
      sql: "SQL queries",
      service_authorization: "Service authorizations",
      action: "Actions",
      run_configuration: "Run settings",
    },
    oneOf: {
      network: "Network",
      connector: "Connector",
      secret: "Secret",
      dictionary: "Dictionary",
      file: "File",
      device: "Device",
      entity: "Entity",
      analysis: "Analysis",
      run_user: "Run user",
      dashboard: "Dashboard",
      widget: "Widget",
      access: "Access rule",
      sql: "SQL query",
      service_authorization: "Service authorization",
      action: "Action",
      run_configuration: "Run settings",
    },
    parts: { params: "parameters", languages: "languages", rows: "rows", script: "the script" },
    reasons: {
      no_counterpart: () => "It is not there.",
      beside: () => "It differs, and will be made beside the one there.",
      matched_chosen: () => "You named its counterpart.",
      matched_same_id: () => "It has the same id there.",
      matched_same_serial: () => "One there has the same serial number.",
      matched_same_tag: () => "One there has the same tag.",
      matched_same_key: () => "One there has the same key.",
      matched_same_name: () => "One there has the same name and type.",
      many_counterparts: (_: string, n: number) => `${count(n)} there could be it, so it is left alone.`,
      differs: (names: string) => `Differs in: ${names}.`,
      leads_to_new: () => "It names something that is made anew, and will lead to the new one.",
      unchangeable: (names: string) => `Differs in what cannot be changed after the making: ${names}.`,
      lacks: (part: string, n: number) => `Lacks ${count(n)} of ${part}.`,
      other_entries: (part: string, n: number) => `Has ${count(n)} of ${part} otherwise.`,
      needs: (what: string) => `It needs what is not there: ${what}.`,
    },
    work: {
      enter_secret: "Enter the value of this secret.",
      new_password: "Let this person choose a new password.",
      hand_out_token: "Give the new token to whoever calls with it.",
      upload_script: "Upload the script: no source has it.",
      check_script: "Look for ids in the script: it is carried as it is.",
      activate: "Switch it on when you are ready.",
      move_serial:
        "Give a token of the new device the serial number. If the old device was deleted, do it now: until then nothing that it sends arrives. If it still sends to another project, wait until you move it.",
      check_parser: "Look for ids in the payload parser: it is carried as it is.",
    },
    confirmTitle: "Before anything is written",
    confirmText: (made: number, changed: number, target: string) =>
      `Holdfast will now make ${counted(made, "resource", "resources")} in ${target} and change ${count(changed)} there.`,
    confirmNote: (lasting: boolean) =>
      `Only what the rehearsal listed is written, and only where it is still as it was. New actions and analyses arrive switched off; those that are there and get changed stay on and work in their new form at once. What is replaced is kept, so that you can take this back${exceptListed(lasting)}.`,
    green: "Proven: everything is as planned",
    checked: (items: number, read: number, when: string) =>
      `${counted(items, "resource was", "resources were")} compared, ${when}; ${
        read === items
          ? "each with the source."
          : `${count(read)} with the source, the others with what the run had written.`
      }`,
    proofOpen: "The proof did not come to its end, so nothing is proven yet. What was written is there.",
    proofHalf:
      "A proof was interrupted. “Prove again” goes on where it stopped; “From the beginning” reads everything again.",
    asPlanned: "as planned",
    changedSince: "changed by somebody since",
    otherwise: "not as planned",
    recordsTitle: "And the records?",
    recordsText: "The records of the devices are moved separately, between the same two projects.",
    recordsNext: "Go on with the records",
    runTitle: (target: string) => `Resources for ${target}`,
    state: {
      running: "Writing",
      proving: "Proving",
      paused: "Interrupted",
      done: "Done",
      done_with_exceptions: "Done, with exceptions",
      undoing: "Taking back",
      undone: "Taken back",
      planned_again: "Given up: the rest was planned again",
      failed: "Stopped by a problem",
    },
    made: "made",
    changed: "changed",
    held: "not carried out",
    resumeNote:
      "It goes on where it stopped. What may have happened is looked up first, so nothing is made twice.",
    unresolvedTitle: "Ids that lead nowhere",
    unresolvedLead: "What they name is neither there nor part of this plan.",
    madeTitle: "Made",
    changedTitle: "Changed",
    type: "Type",
    name: "Name",
    what: "What and why",
    idThere: "Id there",
    none: "None.",
    undoText:
      "What was made is deleted, and what was changed gets what it had before, wherever nobody changed it since. The project that it came from is not needed for that.",
    undoAskText: (target: string) =>
      `In ${target}, what this run made is deleted and what it changed is put back. What somebody changed since is kept. To make it again you need the source, or a backup of it.`,
  },
};

/** What a run does to records there; what is not done is not named. */
function changes(written: number, removed: number, target: string): string {
  const write = counted(written, "record", "records");
  if (removed === 0) return `write ${write} into ${target}`;
  const remove = `remove ${counted(removed, "record", "records")} from ${target}`;
  return written === 0 ? remove : `${remove} and write ${write} into it`;
}

/** Why a plan that writes nothing is no proof that everything is there. */
function notEverything(differing: number, blocked: number): string {
  const said = [
    differing > 0
      ? `${count(differing)} ${differing === 1 ? "differs and is" : "differ and are"} left alone`
      : "",
    blocked > 0 ? `${count(blocked)} ${blocked === 1 ? "is" : "are"} blocked` : "",
  ];
  return `Not everything is there: ${said.filter(Boolean).join(", ")}.`;
}

/** Where a list below names what nobody could take back. */
function exceptListed(lasting: boolean): string {
  return lasting ? ", except for what is listed below" : "";
}
