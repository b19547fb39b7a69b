package ach

// contested is the reason of money that came back because the receiving bank contested that its return was dishonoured (R71–R77).
const contested = "return_contested"

// returnReasons are what the return codes that a credit can have mean to a merchant (Nacha Operating Rules, Appendix Four, part 4.2).
// Codes of debits are not here: whoever gets one has to look. R80–R85 are a gateway's, of payments that go on abroad: we send none as such, but a
// gateway that is given one of ours in the domestic form sends it back by R85.
var returnReasons = map[string]string{
	"R02": "account_closed",
	"R03": "no_account",
	"R04": "invalid_account_number",
	"R06": "returned_on_request",       // the ODFI asked for it
	"R12": "account_moved",             // the branch was sold to another bank
	"R13": "invalid_routing_number",    // the bank takes no ACH entries
	"R14": "account_holder_deceased",   // or the representative payee cannot act any more
	"R15": "account_holder_deceased",   // or the beneficiary
	"R16": "account_frozen",            // or returned on OFAC's instruction, which is not the merchant's to know
	"R17": "details_rejected",          // the bank could not process a field
	"R18": "rail_rejected",             // improper effective entry date
	"R19": "rail_rejected",             // amount field error
	"R20": "account_not_eligible",      // no transaction account
	"R21": "rail_rejected",             // invalid company identification
	"R22": "details_rejected",          // invalid individual identification
	"R23": "refused_by_beneficiary",    //
	"R24": "duplicate",                 // the bank takes it for one that it got before
	"R25": "rail_rejected",             // addenda error
	"R26": "rail_rejected",             // mandatory field error
	"R27": "rail_rejected",             // trace number error
	"R28": "invalid_routing_number",    // check digit error
	"R32": "rail_rejected",             // RDFI non-settlement
	"R34": "bank_does_not_participate", // limited participation
	"R80": "rail_rejected",             // coding error of an international entry
	"R81": "bank_does_not_participate", // the gateway takes no international entries of our bank
	"R82": "invalid_routing_number",    // invalid identification of the foreign bank
	"R83": "rail_rejected",             // the foreign bank could not settle
	"R84": "rail_rejected",             // the gateway did not process it
	"R85": "rail_rejected",             // it goes abroad and was not marked so
}

// changeReasons are what a notification of change asks to correct (Nacha Operating Rules, Appendix Five).
var changeReasons = map[string]string{
	"C01": "account_number",
	"C02": "routing_number",
	"C03": "routing_and_account_number",
	"C04": "name",
	"C05": "account_type",
	"C06": "account_number_and_type",
	"C07": "routing_number_account_number_and_type",
	"C08": "routing_number",
	"C09": "identification_number",
	"C13": "addenda_format",
	"C14": "international_entry",
}

// sentences say the neutral codes for people.
var sentences = map[string]string{
	contested:                   "The receiving bank sent the payment back, and insisted on it.",
	"account_closed":            "The receiving bank sent the payment back: the account is closed.",
	"no_account":                "The receiving bank sent the payment back: it has no such account.",
	"invalid_account_number":    "The account number is not valid at the receiving bank.",
	"returned_on_request":       "The receiving bank sent the payment back because it was asked to.",
	"account_moved":             "The receiving bank sent the payment back: the account moved to another bank.",
	"invalid_routing_number":    "The routing number reaches no bank that takes the payment.",
	"account_holder_deceased":   "The receiving bank sent the payment back: the account holder has died or cannot act.",
	"account_frozen":            "The receiving bank sent the payment back: the account is frozen.",
	"details_rejected":          "The receiving bank could not process the payment's details.",
	"rail_rejected":             "The payment was rejected on its way to the receiving bank.",
	"account_not_eligible":      "The receiving bank sent the payment back: the account cannot receive such payments.",
	"refused_by_beneficiary":    "The beneficiary refused the payment.",
	"duplicate":                 "The receiving bank sent the payment back: it took it for one that it had before.",
	"bank_does_not_participate": "The receiving bank takes no such payments.",
	"name_not_supported":        "The beneficiary's name cannot be written in the characters that the payment network has.",
}

// Reason is the sentence of a neutral code.
func (*Format) Reason(code string) string { return sentences[code] }
