-- name: what_is_open^
-- What of a partner has not come to its end. What cancels out over windows is open nevertheless: each is paid by itself.
select
    (
        select count(*) from exchanges
        where (sender = :partner or receiver = :partner) and state not in ('COMMITTED', 'ABORTED')
    ) as exchanges,
    (select count(*) from reversals where (payer = :partner or payee = :partner) and due_time is not null) as reversals,
    (
        select count(*) from disputes
        where (opener = :partner or respondent = :partner) and state in ('OPEN', 'ANSWERED', 'RESOLVING')
    ) as disputes,
    (
        select count(*) from settlement_windows as windows
        where
            windows.coalition = :coalition and windows.state <> 'SETTLED'
            and case
                when windows.count_time is null then exists (
                    select from obligations
                    where
                        obligations.coalition = windows.coalition and obligations.settlement_window = windows.number
                        and (obligations.payer = :partner or obligations.payee = :partner)
                )
                else exists (
                    select from settlement_amounts as amounts
                    where
                        amounts.coalition = windows.coalition and amounts.number = windows.number
                        and (amounts.payer = :partner or amounts.payee = :partner)
                )
            end
    ) as windows;
