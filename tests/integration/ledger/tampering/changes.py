"""What is changed behind the ledger's back, and what a verification is to say of it."""

from __future__ import annotations

# What is changed, with the number of the thing; what is named first, of which kind that number is, and what is wrong in
# consequence. `{ada}` is her account, `{program}` the program.
OF_ADA = "where account = {ada}"
POSTINGS = "where (source = {ada} or destination = {ada})"
OF_BEN = "where account = {ben}"
OF_MOVED = f"{OF_BEN} and amount = 7"
FIRST = "where destination = {ada} and destination_version = 1"
EARNED = f"{FIRST} returning id - ordinal"
OF_WORDS = "where program = {program} and memo is not null returning id"
SPENT = f"{POSTINGS} and source_version = 3 returning id - ordinal"
OF_SPENT = f"where id = (select id from postings {POSTINGS} and source_version = 3) returning id"
NEWEST = "where block = (select max(block) from seals) and shard = (select shard from accounts where id = {ada})"
TAMPERINGS = {
    "a posting's amount": (
        f"update postings set amount = amount + 1 {EARNED}",
        "SEALED_ROW_DIFFERS transaction",
        "RUNNING_BALANCE_DIFFERS",
    ),
    "a posting's running balance": (
        f"update postings set source_posted = source_posted + 1 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "RUNNING_BALANCE_DIFFERS",
    ),
    "a posting's version": (
        f"update postings set source_version = 99 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "VERSIONS_HAVE_A_GAP",
    ),
    "what a posting did to a lot": (
        f"update postings set lot_deltas[1] = lot_deltas[1] - 1 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "LOT_DIFFERS_FROM_MOVES",
    ),
    "a posting's debt": (
        f"update postings set source_debt_delta = 1 {SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "BALANCE_DIFFERS_FROM_ENTRIES",
    ),
    "a posting's side": (
        "update postings set destination = {other} where source = {ada} and source_version = 3 returning id - ordinal",
        "SIDES_DIFFER transaction",
        "SEALED_ROW_DIFFERS",
    ),
    "a posting that is gone": (
        "delete from postings where destination = {ada} and destination_version = 2 returning id - ordinal",
        "POSTINGS_MISSING transaction",
        "SEALED_ROW_MISSING",
    ),
    "a transaction that is gone": (
        f"delete from transactions {OF_SPENT}",
        "TRANSACTION_MISSING transaction",
        "SEALED_ROW_DIFFERS",
    ),
    "a transaction's kind": (
        f"update transactions set kind = 7 {OF_SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "LIFETIME_DIFFERS",
    ),
    "when a transaction happened": (
        f"update transactions set effective_time = effective_time - interval '1 day' {OF_SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "who made a transaction": (
        f"update transactions set actor = 'nobody' {OF_SPENT}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a memo": (
        f"update transactions set memo = 'For your patience' {OF_WORDS}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a memo that is gone": (
        f"update transactions set memo = null, memo_salt = null {OF_WORDS}",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "an account's name": (
        f"update accounts set name = 'eve' where id = {{ada}} returning (select id - ordinal from postings {FIRST})",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a system account's name": (
        "update accounts set name = 'issuance.stolen' where id = {issuance} returning id",
        "SEALED_ROW_DIFFERS account",
        "",
    ),
    "when books were closed": (
        "update books_changes set close_time = close_time - interval '1 day' where program = {program} returning 1",
        "SEALED_ROW_DIFFERS program",
        "",
    ),
    "a closing that is gone": (
        "delete from books_changes where program = {program} returning 1",
        "SEALED_ROW_MISSING",
        "",
    ),
    "how much one person may adjust": (
        "update policy_changes set adjustment_limits = '{{5000}}' where program = {program} returning 1",
        "SEALED_ROW_DIFFERS program",
        "",
    ),
    "who set a credit limit": (
        "update credit_limit_changes set actor = 'nobody' where account = {board} returning account",
        "SEALED_ROW_DIFFERS account",
        "",
    ),
    "a program's time zone": (
        "update programs set time_zone = 'Asia/Tokyo' where program = {program} returning program",
        "SEALED_ROW_DIFFERS account",
        "",
    ),
    "a program's shard": (
        "update programs set shard = shard + 1000 where program = {program} returning program",
        "SEALED_ROW_DIFFERS account",
        "",
    ),
    "a unit's scale": (
        "update units set scale = scale + 1 where program = {program} and id = 'points' returning unit",
        "SEALED_ROW_DIFFERS account",
        "",
    ),
    "an account's version": (
        "update accounts set version = version + 1 where id = {ada} returning version",
        "BALANCE_DIFFERS_FROM_ENTRIES version",
        "",
    ),
    "an account's balance": (
        "update accounts set posted = posted + 1 where id = {ada} returning version",
        "BALANCE_DIFFERS_FROM_ENTRIES version",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "an account's debt": (
        "update accounts set debt = debt + 1 where id = {ada} returning version",
        "BALANCE_DIFFERS_FROM_ENTRIES version",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "what an account can spend": (
        "update accounts set available = available + 1 where id = {ada} returning version",
        "AVAILABLE_DIFFERS version",
        "",
    ),
    "what an account holds": (
        "update accounts set held = held + 1 where id = {ada} returning version",
        "HOLDS_DIFFER_FROM_HELD version",
        "AVAILABLE_DIFFERS",
    ),
    "what is pending": (
        "update accounts set pending = pending - 1, available = available + 1 where id = {ada} returning version",
        "PENDING_DIFFERS version",
        "",
    ),
    "what was ever earned": (
        "update accounts set earned = earned + 1 where id = {ada} returning version",
        "LIFETIME_DIFFERS version",
        "",
    ),
    "what was ever spent": (
        "update accounts set spent = spent - 1 where id = {ada} returning version",
        "LIFETIME_DIFFERS version",
        "",
    ),
    "an account's state": (
        "update accounts set state = 2 where id = {ada} returning version",
        "STATE_DIFFERS_FROM_EVENTS version",
        "",
    ),
    "a lot's open part": (
        f"update lots set open = open - 1 {OF_ADA} and amount = 50 returning id",
        "LOT_DIFFERS_FROM_MOVES lot",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "a lot's held part": (
        f"update lots set held = held + 1 {OF_ADA} and held > 0 returning id",
        "LOT_DIFFERS_FROM_MOVES lot",
        "HOLDS_DIFFER_FROM_HELD",
    ),
    "a lot's expired part": (
        f"update lots set expired = 1 {OF_ADA} and held > 0 returning id",
        "LOT_DIFFERS_FROM_MOVES lot",
        "",
    ),
    "a lot's amount": (
        f"update lots set amount = amount + 1 {OF_ADA} and held > 0 returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "LOT_DIFFERS_FROM_POSTING",
    ),
    "when a lot expires": (
        f"update lots set expire_time = now() + interval '9 years' {OF_ADA} and held > 0 returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "a lot's owner": (
        "update lots set account = {ben} where account = {ada} and amount = 50 returning id",
        "LOT_DIFFERS_FROM_POSTING lot",
        "LOTS_DIFFER_FROM_POSTED",
    ),
    "an active hold's amount": (
        f"update holds set amount = amount + 1 {OF_ADA} and state = 1 returning id",
        "SEALED_ROW_DIFFERS account",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "an active hold's lots": (
        f"update holds set lot_amounts[1] = lot_amounts[1] + 1 {OF_ADA} and state = 1 returning id",
        "SEALED_ROW_DIFFERS account",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a resolved hold's capture": (
        f"update holds set captured = 5 {OF_ADA} and state = 2 returning id",
        "HOLD_DIFFERS_FROM_EVENTS hold",
        "",
    ),
    "how a hold was resolved": (
        f"update holds set state = 4 {OF_ADA} and state = 3 returning id",
        "HOLD_DIFFERS_FROM_EVENTS hold",
        "",
    ),
    "a hold that is gone": (
        f"delete from holds {OF_ADA} and state = 3 returning id",
        "SEALED_ROW_DIFFERS account",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a resolved hold that nothing placed": (
        f"""insert into holds (shard, id, account, amount, state, lots, lot_amounts, expire_time, actor, record_time,
                               resolve_time)
            select shard, id + 1000000, account, amount, state, lots, lot_amounts, expire_time, actor, record_time,
                   resolve_time
            from holds {OF_ADA} and state = 3 returning id""",
        "HOLD_DIFFERS_FROM_EVENTS hold",
        "",
    ),
    "an event's version": (
        f"update account_events set version = 99 {OF_ADA} and kind = 2 returning version",
        "SEALED_ROW",
        "VERSIONS_HAVE_A_GAP",
    ),
    "a freeze that is gone": (
        f"delete from account_events {OF_ADA} and kind = 5 returning version",
        "SEALED_ROW",
        "VERSIONS_HAVE_A_GAP",
    ),
    "what an event did to a state": (
        f"update account_events set kind = 7 {OF_ADA} and kind = 6 returning version",
        "SEALED_ROW_DIFFERS version",
        "STATE_DIFFERS_FROM_EVENTS",
    ),
    "an event's amount": (
        f"update account_events set held_delta = held_delta + 1 {OF_ADA} and kind = 1 and version = 9 returning 9",
        "SEALED_ROW_DIFFERS version",
        "HOLD_DIFFERS_FROM_EVENTS",
    ),
    "a lot's expiry": (
        f"update lots set expire_time = '2030-01-01' {OF_ADA} and held > 0 returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "",
    ),
    "an expiry that was moved": (
        f"update lots set expire_time = expire_time + interval '1 day' {OF_MOVED} returning id",
        "LOT_TIMES_DIFFER_FROM_EVENTS lot",
        "",
    ),
    "when a lot was activated": (
        f"update lots set available_time = available_time - interval '1 day' {OF_MOVED} returning id",
        "LOT_TIMES_DIFFER_FROM_EVENTS lot",
        "",
    ),
    "the expiry that a lot was made with": (
        f"update lots set first_expire_time = expire_time {OF_MOVED} returning posting",
        "SEALED_ROW_DIFFERS transaction",
        "LOT_TIMES_DIFFER_FROM_EVENTS",
    ),
    "what an expiry was moved from": (
        f"update account_events set expire_times_before[1] = record_time {OF_BEN} and version = 5 returning 5",
        "SEALED_ROW_DIFFERS version",
        "LOT_TIMES_DIFFER_FROM_EVENTS",
    ),
    "a checkpoint": (
        "update checkpoints set posted = posted + 1 where account = {issuance} returning account",
        "CHECKPOINT_DIFFERS account",
        "",
    ),
    "a link of the chain": (
        f"update seals set previous = sha256(previous) {NEWEST} returning block",
        "CHAIN_BROKEN block",
        "SEAL_DIFFERS_FROM_ROWS",
    ),
    "a block's hash": (
        f"update seals set hash = sha256(hash) {NEWEST} returning block",
        "SEAL_DIFFERS_FROM_ROWS block",
        "",
    ),
    "a block's time": (
        f"update seals set seal_time = seal_time - interval '1 day' {NEWEST} returning block",
        "SEAL_DIFFERS_FROM_ROWS block",
        "",
    ),
    "a block's number": (f"update seals set block = block + 1 {NEWEST} returning block", "CHAIN_BROKEN block", ""),
    "what an adjustment moved": (
        "update adjustments set amounts[1] = amounts[1] + 1 where program = {program} returning id",
        "ADJUSTMENT_DIFFERS adjustment",
        "",
    ),
    "who approved an adjustment": (
        "update adjustments set resolve_actor = 'nobody' where program = {program} returning id",
        "ADJUSTMENT_DIFFERS adjustment",
        "",
    ),
    "what an adjustment is posted as": (
        "update adjustments set transaction = transaction + 1 where program = {program} returning id",
        "ADJUSTMENT_DIFFERS adjustment",
        "",
    ),
}
