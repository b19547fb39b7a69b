-- name: VerdictOfPayout :one
-- The last verdict on the payout.
select * from verdicts where merchant_id = @merchant_id and payout_id = @payout_id order by created_at desc, id desc limit 1;

-- name: VerdictsOfBeneficiary :many
-- How the last thousand payouts to the beneficiary were judged.
select v.outcome, count(*)::integer as payouts
from (
    select b.verdict_id, b.id from payouts b
    where b.merchant_id = @merchant_id and b.beneficiary_id = @beneficiary_id order by b.created_at desc limit 1000
) p
join verdicts v on v.merchant_id = @merchant_id and v.payout_id = p.id and v.id = p.verdict_id
group by v.outcome;

-- name: VerdictLastOfBeneficiary :one
select v.*
from payouts p
join verdicts v on v.merchant_id = p.merchant_id and v.payout_id = p.id and v.id = p.verdict_id
where p.merchant_id = @merchant_id and p.beneficiary_id = @beneficiary_id
order by p.created_at desc
limit 1;
