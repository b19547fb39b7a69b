package sepa

// unspecified is the reason of what a bank gave none for, or one that we do not know: the money is back all the same.
const unspecified = "not_specified"

// reasons are what the codes of rejections and returns mean to a merchant (ISO 20022 external code sets ExternalStatusReason1Code and
// ExternalReturnReason1Code; those of SEPA are in EPC135-18, Guidance on Reason Codes for SCT R-transactions).
var reasons = map[string]string{
	"AB05": "rail_rejected", // time-out on the way
	"AB06": "rail_rejected",
	"AB07": "rail_rejected",
	"AB08": "rail_rejected",
	"AB09": "rail_rejected",
	"AB10": "rail_rejected",
	"AC01": "invalid_account_number",
	"AC02": "rail_rejected", // our own account's number
	"AC03": "invalid_account_number",
	"AC04": "account_closed",
	"AC05": "rail_rejected", // our own account is closed
	"AC06": "account_frozen",
	"AC07": "account_closed",
	"AC13": "rail_rejected", // our own account's type
	"AC14": "account_not_eligible",
	"AC15": "account_moved",
	"AG01": "account_not_eligible", // credit transfers are forbidden on the account
	"AG02": "rail_rejected",        // wrong operation code
	"AG10": "bank_does_not_participate",
	"AG11": "bank_does_not_participate",
	"AGNT": "invalid_bic", // an agent of the payment is not the right one
	"AM01": "rail_rejected",
	"AM02": "rail_rejected",
	"AM03": "rail_rejected",
	"AM04": "rail_rejected", // our own account had not enough, which is not the merchant's to know
	"AM05": "duplicate",
	"AM09": "rail_rejected",
	"AM10": "rail_rejected",
	"AM14": "rail_rejected",
	"ARDT": unspecified, // it was returned already
	"BE01": "details_rejected",
	"BE04": "details_rejected", // the creditor's address
	"BE05": "rail_rejected",    // the initiating party is not known
	"BE06": "no_account",       // the beneficiary is not known
	"BE07": "rail_rejected",    // our own address
	"CNOR": "bank_does_not_participate",
	"CURR": "account_not_eligible",
	"CUST": "returned_on_request",
	"CUTA": "returned_on_request",
	"DNOR": "rail_rejected",
	"DS28": "rail_rejected",
	"DT01": "rail_rejected",
	"DUPL": "duplicate",
	"ED05": "rail_rejected",
	"ERIN": "rail_rejected",
	"FF01": "rail_rejected",
	"FOCR": "returned_on_request", // after a recall
	"FR01": "returned_on_request", // fraud: not the merchant's to know by this way
	"FRAD": "returned_on_request",
	"MD07": "account_holder_deceased",
	"MS02": "refused_by_beneficiary",
	"MS03": unspecified,
	"NARR": unspecified,
	"NOAS": unspecified, // the beneficiary did not answer, which is no refusal
	"NOCM": "rail_rejected",
	"RC01": "invalid_bic",
	"RC04": "invalid_bic",
	"RC07": "invalid_bic",
	"RR01": "rail_rejected", // regulatory: our own account or name
	"RR02": "rail_rejected",
	"RR03": "details_rejected", // regulatory: the beneficiary's name or address
	"RR04": "rail_rejected",    // regulatory, which is not the merchant's to know
	"RUTA": "details_rejected",
	"SVNR": "returned_on_request", // what was paid for was not rendered
	"TECH": "rail_rejected",
	"TM01": "rail_rejected",
	"UPAY": "returned_on_request", // the payment was not due
}

// reasonOf is the neutral reason of a code.
func reasonOf(code string) string {
	if reason, ok := reasons[code]; ok {
		return reason
	}
	return unspecified
}

// sentences say the neutral codes for people.
var sentences = map[string]string{
	unspecified:                 "The receiving bank did not take the payment, and gave no reason.",
	"account_closed":            "The receiving bank did not take the payment: the account is closed.",
	"account_frozen":            "The receiving bank did not take the payment: the account is blocked.",
	"account_holder_deceased":   "The receiving bank did not take the payment: the account holder has died.",
	"account_moved":             "The receiving bank did not take the payment: the account's details have changed.",
	"account_not_eligible":      "The account cannot receive such payments.",
	"bank_does_not_participate": "The receiving bank takes no such payments.",
	"bic_required":              "The account is outside the EEA: add the BIC of its bank.",
	"cancelled":                 "The payment was cancelled before it was made.",
	"details_rejected":          "The receiving bank could not process the payment's details.",
	"duplicate":                 "The receiving bank took the payment for one that it had before.",
	"invalid_account_number":    "The IBAN is not valid at the receiving bank.",
	"invalid_bic":               "The BIC reaches no bank that takes the payment.",
	"name_not_supported":        "A name cannot be written in the characters that the payment network has.",
	"no_account":                "The receiving bank does not know the beneficiary.",
	"rail_rejected":             "The payment was rejected on its way to the receiving bank.",
	"refused_by_beneficiary":    "The beneficiary refused the payment.",
	"returned_on_request":       "The receiving bank sent the payment back because it was asked to.",
}

// Reason is the sentence of a neutral code.
func (*Format) Reason(code string) string { return sentences[code] }
