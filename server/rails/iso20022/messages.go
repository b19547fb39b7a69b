package iso20022

import "encoding/xml"

// The versions that we write and read.
const (
	Pain001 = "pain.001.001.09"
	Pain002 = "pain.002.001.10"
	Camt029 = "camt.029.001.09"
	Camt054 = "camt.054.001.08"
	Camt056 = "camt.056.001.08"
	Pacs002 = "pacs.002.001.10"
	Pacs004 = "pacs.004.001.09"
	Pacs008 = "pacs.008.001.08"
)

// CustomerCreditTransferInitiation is pain.001.001.09: pay these. The order of the fields is that of the schema.
type CustomerCreditTransferInitiation struct {
	XMLName  xml.Name             `xml:"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09 Document"`
	Header   InitiationHeader     `xml:"CstmrCdtTrfInitn>GrpHdr"`
	Payments []PaymentInstruction `xml:"CstmrCdtTrfInitn>PmtInf"`
}

// InitiationHeader is GroupHeader85.
type InitiationHeader struct {
	ID        string `xml:"MsgId"`
	Created   string `xml:"CreDtTm"`
	Count     string `xml:"NbOfTxs"`
	Sum       string `xml:"CtrlSum"`
	Initiator Party  `xml:"InitgPty"`
}

// PaymentInstruction is PaymentInstruction30: what is paid on one day from one account.
type PaymentInstruction struct {
	ID            string           `xml:"PmtInfId"`
	Method        string           `xml:"PmtMtd"`
	BatchBooking  bool             `xml:"BtchBookg"`
	Count         string           `xml:"NbOfTxs"`
	Sum           string           `xml:"CtrlSum"`
	ServiceLevel  string           `xml:"PmtTpInf>SvcLvl>Cd"`
	Execution     Day              `xml:"ReqdExctnDt"`
	Debtor        Party            `xml:"Dbtr"`
	DebtorAccount Account          `xml:"DbtrAcct"`
	DebtorAgent   Agent            `xml:"DbtrAgt"`
	ChargeBearer  string           `xml:"ChrgBr"`
	Transfers     []CreditTransfer `xml:"CdtTrfTxInf"`
}

// CreditTransfer is CreditTransferTransaction34: one payment.
type CreditTransfer struct {
	InstructionID   string      `xml:"PmtId>InstrId"`
	EndToEndID      string      `xml:"PmtId>EndToEndId"`
	Amount          Amount      `xml:"Amt>InstdAmt"`
	UltimateDebtor  *Party      `xml:"UltmtDbtr,omitempty"`
	CreditorAgent   *Agent      `xml:"CdtrAgt,omitempty"`
	Creditor        Party       `xml:"Cdtr"`
	CreditorAccount Account     `xml:"CdtrAcct"`
	Remittance      *Remittance `xml:"RmtInf,omitempty"`
}

// A Remittance is what the payment is for, in plain words: RemittanceInformation16.
type Remittance struct {
	Text string `xml:"Ustrd"`
}

// FICustomerCreditTransfer is pacs.008.001.08: one bank pays another's customers for its own.
type FICustomerCreditTransfer struct {
	XMLName   xml.Name            `xml:"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08 Document"`
	Header    InterbankHeader     `xml:"FIToFICstmrCdtTrf>GrpHdr"`
	Transfers []InterbankTransfer `xml:"FIToFICstmrCdtTrf>CdtTrfTxInf"`
}

// InterbankHeader is GroupHeader93.
type InterbankHeader struct {
	ID         string `xml:"MsgId"`
	Created    string `xml:"CreDtTm"`
	Count      string `xml:"NbOfTxs"`
	Sum        Amount `xml:"TtlIntrBkSttlmAmt"`
	Settles    string `xml:"IntrBkSttlmDt"`
	Method     string `xml:"SttlmInf>SttlmMtd"`
	Clearing   string `xml:"SttlmInf>ClrSys>Cd"`
	Instructor Agent  `xml:"InstgAgt"`
}

// InterbankTransfer is CreditTransferTransaction39: one payment.
type InterbankTransfer struct {
	InstructionID   string      `xml:"PmtId>InstrId"`
	EndToEndID      string      `xml:"PmtId>EndToEndId"`
	TransactionID   string      `xml:"PmtId>TxId"`
	ServiceLevel    string      `xml:"PmtTpInf>SvcLvl>Cd"`
	Amount          Amount      `xml:"IntrBkSttlmAmt"`
	ChargeBearer    string      `xml:"ChrgBr"`
	UltimateDebtor  *Party      `xml:"UltmtDbtr,omitempty"`
	Debtor          Party       `xml:"Dbtr"`
	DebtorAccount   Account     `xml:"DbtrAcct"`
	DebtorAgent     Agent       `xml:"DbtrAgt"`
	CreditorAgent   Agent       `xml:"CdtrAgt"`
	Creditor        Party       `xml:"Cdtr"`
	CreditorAccount Account     `xml:"CdtrAcct"`
	Remittance      *Remittance `xml:"RmtInf,omitempty"`
}
