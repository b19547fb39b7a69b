package iso20022

// The types of messages that come in name each element that we read, one type for each element that has others in it: so Decode can hold
// the document against them.

// CustomerPaymentStatusReport is pain.002.001.10: what became of a pain.001, or of some of its payments.
type CustomerPaymentStatusReport struct {
	Report struct {
		Header   MessageHeader  `xml:"GrpHdr"`
		Group    GroupStatus    `xml:"OrgnlGrpInfAndSts"`
		Payments []PaymentGroup `xml:"OrgnlPmtInfAndSts"`
	} `xml:"CstmrPmtStsRpt"`
}

// MessageHeader is what the header of every message has.
type MessageHeader struct {
	ID      string `xml:"MsgId"`
	Created string `xml:"CreDtTm"`
}

// GroupStatus is OriginalGroupHeader17: the status of the whole message.
type GroupStatus struct {
	Message string   `xml:"OrgnlMsgId"`
	Version string   `xml:"OrgnlMsgNmId"`
	Status  string   `xml:"GrpSts"`
	Reasons []Reason `xml:"StsRsnInf"`
}

// PaymentGroup is OriginalPaymentInstruction32: the status of one PmtInf, and of payments in it.
type PaymentGroup struct {
	ID        string              `xml:"OrgnlPmtInfId"`
	Status    string              `xml:"PmtInfSts"`
	Reasons   []Reason            `xml:"StsRsnInf"`
	Transfers []TransactionStatus `xml:"TxInfAndSts"`
}

// TransactionStatus is PaymentTransaction105: the status of one payment.
type TransactionStatus struct {
	ID         string   `xml:"StsId"`
	Instructed string   `xml:"OrgnlInstrId"`
	EndToEnd   string   `xml:"OrgnlEndToEndId"`
	Status     string   `xml:"TxSts"`
	Reasons    []Reason `xml:"StsRsnInf"`
}

// DebitCreditNotification is camt.054.001.08: what was booked on an account.
type DebitCreditNotification struct {
	Message struct {
		Header        MessageHeader  `xml:"GrpHdr"`
		Notifications []Notification `xml:"Ntfctn"`
	} `xml:"BkToCstmrDbtCdtNtfctn"`
}

// Notification is AccountNotification17.
type Notification struct {
	ID      string  `xml:"Id"`
	Account Account `xml:"Acct"`
	Entries []Entry `xml:"Ntry"`
}

// Entry is ReportEntry10: one booking. A batch-booked one has the payments that it adds up in its details.
type Entry struct {
	Reference string         `xml:"NtryRef"`
	Amount    *Amount        `xml:"Amt"`
	Sign      string         `xml:"CdtDbtInd"`
	Reversal  string         `xml:"RvslInd"`
	Status    Choice         `xml:"Sts"`
	Booked    *Day           `xml:"BookgDt"`
	Valued    *Day           `xml:"ValDt"`
	Servicer  string         `xml:"AcctSvcrRef"`
	Code      *BankCode      `xml:"BkTxCd"`
	Details   []EntryDetails `xml:"NtryDtls"`
}

// BankCode is BankTransactionCodeStructure4.
type BankCode struct {
	Domain *struct {
		Code   string `xml:"Cd"`
		Family struct {
			Code string `xml:"Cd"`
			Sub  string `xml:"SubFmlyCd"`
		} `xml:"Fmly"`
	} `xml:"Domn"`
}

// Returns says whether the code is that of a credit transfer that came back: PMNT, RCDT or ICDT, RRTN (ISO 20022 external code set 4,
// bank transaction codes).
func (c *BankCode) Returns() bool {
	return c != nil && c.Domain != nil && c.Domain.Code == "PMNT" && c.Domain.Family.Sub == "RRTN"
}

// EntryDetails is EntryDetails9.
type EntryDetails struct {
	Batch *struct {
		Message string `xml:"MsgId"`
		Payment string `xml:"PmtInfId"`
		Count   string `xml:"NbOfTxs"`
	} `xml:"Btch"`
	Transactions []EntryTransaction `xml:"TxDtls"`
}

// EntryTransaction is EntryTransaction10: one payment of an entry.
type EntryTransaction struct {
	References struct {
		Servicer   string `xml:"AcctSvcrRef"`
		Instructed string `xml:"InstrId"`
		EndToEnd   string `xml:"EndToEndId"`
	} `xml:"Refs"`
	Amount  *Amount   `xml:"Amt"`
	Sign    string    `xml:"CdtDbtInd"`
	Code    *BankCode `xml:"BkTxCd"`
	Related *struct {
		Settled string `xml:"IntrBkSttlmDt"`
	} `xml:"RltdDts"`
	Return *Reason `xml:"RtrInf"`
}

// PaymentReturn is pacs.004.001.09: these came back.
type PaymentReturn struct {
	Message struct {
		Header struct {
			ID      string `xml:"MsgId"`
			Count   string `xml:"NbOfTxs"`
			Settled string `xml:"IntrBkSttlmDt"`
		} `xml:"GrpHdr"`
		Transactions []ReturnedTransaction `xml:"TxInf"`
	} `xml:"PmtRtr"`
}

// ReturnedTransaction is PaymentTransaction112.
type ReturnedTransaction struct {
	ID          string   `xml:"RtrId"`
	Instructed  string   `xml:"OrgnlInstrId"`
	EndToEnd    string   `xml:"OrgnlEndToEndId"`
	Transaction string   `xml:"OrgnlTxId"`
	Amount      *Amount  `xml:"RtrdIntrBkSttlmAmt"`
	Settled     string   `xml:"IntrBkSttlmDt"`
	Reasons     []Reason `xml:"RtrRsnInf"`
}

// FIPaymentStatusReport is pacs.002.001.10: what became of a pacs.008, or of some of its payments.
type FIPaymentStatusReport struct {
	Report struct {
		Header    MessageHeader     `xml:"GrpHdr"`
		Groups    []GroupStatus     `xml:"OrgnlGrpInfAndSts"`
		Transfers []InterbankStatus `xml:"TxInfAndSts"`
	} `xml:"FIToFIPmtStsRpt"`
}

// InterbankStatus is PaymentTransaction110: the status of one payment. It says which message it is about where the report is not about one.
type InterbankStatus struct {
	Original *struct {
		Message string `xml:"OrgnlMsgId"`
		Version string `xml:"OrgnlMsgNmId"`
	} `xml:"OrgnlGrpInf"`
	Instructed  string   `xml:"OrgnlInstrId"`
	EndToEnd    string   `xml:"OrgnlEndToEndId"`
	Transaction string   `xml:"OrgnlTxId"`
	Status      string   `xml:"TxSts"`
	Reasons     []Reason `xml:"StsRsnInf"`
}
