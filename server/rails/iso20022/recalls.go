package iso20022

import "encoding/xml"

// FIPaymentCancellationRequest is camt.056.001.08: give these payments back. The order of the fields is that of the schema.
type FIPaymentCancellationRequest struct {
	XMLName    xml.Name       `xml:"urn:iso:std:iso:20022:tech:xsd:camt.056.001.08 Document"`
	Assignment Assignment     `xml:"FIToFIPmtCxlReq>Assgnmt"`
	Count      string         `xml:"FIToFIPmtCxlReq>CtrlData>NbOfTxs"`
	Sum        string         `xml:"FIToFIPmtCxlReq>CtrlData>CtrlSum,omitempty"`
	Recalls    []Cancellation `xml:"FIToFIPmtCxlReq>Undrlyg>TxInf"`
}

// Assignment is CaseAssignment5: who asks whom.
type Assignment struct {
	ID       string `xml:"Id"`
	Assigner Agent  `xml:"Assgnr>Agt"`
	Assignee Agent  `xml:"Assgne>Agt"`
	Created  string `xml:"CreDtTm"`
}

// Cancellation is PaymentTransaction106: one payment that is asked back.
type Cancellation struct {
	ID              string             `xml:"CxlId"`
	OriginalMessage string             `xml:"OrgnlGrpInf>OrgnlMsgId"`
	OriginalVersion string             `xml:"OrgnlGrpInf>OrgnlMsgNmId"`
	InstructionID   string             `xml:"OrgnlInstrId,omitempty"`
	EndToEndID      string             `xml:"OrgnlEndToEndId"`
	TransactionID   string             `xml:"OrgnlTxId"`
	Amount          Amount             `xml:"OrgnlIntrBkSttlmAmt"`
	Settled         string             `xml:"OrgnlIntrBkSttlmDt"`
	Reason          CancellationReason `xml:"CxlRsnInf"`
	Original        OriginalTransfer   `xml:"OrgnlTxRef"`
}

// CancellationReason is PaymentCancellationReason5: who wants the payment back and why.
type CancellationReason struct {
	Originator Originator `xml:"Orgtr"`
	Code       string     `xml:"Rsn>Cd"`
	Texts      []string   `xml:"AddtlInf,omitempty"`
}

// Originator is PartyIdentification135: a customer by its name, or a bank by its BIC.
type Originator struct {
	Name string           `xml:"Nm,omitempty"`
	Bank *BICOfOriginator `xml:"Id,omitempty"`
}

// BICOfOriginator is Party38Choice, by its BIC.
type BICOfOriginator struct {
	BIC string `xml:"OrgId>AnyBIC"`
}

// OriginalTransfer is OriginalTransactionReference28: the payment, as it went out.
type OriginalTransfer struct {
	Method          string      `xml:"SttlmInf>SttlmMtd"`
	Clearing        string      `xml:"SttlmInf>ClrSys>Cd"`
	ServiceLevel    string      `xml:"PmtTpInf>SvcLvl>Cd"`
	Remittance      *Remittance `xml:"RmtInf,omitempty"`
	UltimateDebtor  *Party      `xml:"UltmtDbtr>Pty,omitempty"`
	Debtor          Party       `xml:"Dbtr>Pty"`
	DebtorAccount   Account     `xml:"DbtrAcct"`
	DebtorAgent     Agent       `xml:"DbtrAgt"`
	CreditorAgent   Agent       `xml:"CdtrAgt"`
	Creditor        Party       `xml:"Cdtr>Pty"`
	CreditorAccount Account     `xml:"CdtrAcct"`
}

// CancellationRequest is a camt.056.001.08 of another bank's, of which we read what it is about.
type CancellationRequest struct {
	Message struct {
		Underlying []struct {
			Transactions []struct {
				ID          string   `xml:"CxlId"`
				Instructed  string   `xml:"OrgnlInstrId"`
				EndToEnd    string   `xml:"OrgnlEndToEndId"`
				Transaction string   `xml:"OrgnlTxId"`
				Reasons     []Reason `xml:"CxlRsnInf"`
			} `xml:"TxInf"`
		} `xml:"Undrlyg"`
	} `xml:"FIToFIPmtCxlReq"`
}

// ResolutionOfInvestigation is camt.029.001.09: what a bank says to recalls.
type ResolutionOfInvestigation struct {
	Message struct {
		Assignment struct {
			ID string `xml:"Id"`
		} `xml:"Assgnmt"`
		Status *struct {
			Confirmation string `xml:"Conf"`
		} `xml:"Sts"`
		Details []CancellationDetails `xml:"CxlDtls"`
	} `xml:"RsltnOfInvstgtn"`
}

// CancellationDetails is UnderlyingTransaction22: what is said of a message with recalls, and of recalls in it.
type CancellationDetails struct {
	Group        *CancelledGroup      `xml:"OrgnlGrpInfAndSts"`
	Transactions []CancellationStatus `xml:"TxInfAndSts"`
}

// CancelledGroup is OriginalGroupHeader14: the answer to all recalls of a message.
type CancelledGroup struct {
	Message string   `xml:"OrgnlMsgId"`
	Version string   `xml:"OrgnlMsgNmId"`
	Status  string   `xml:"GrpCxlSts"`
	Reasons []Reason `xml:"CxlStsRsnInf"`
}

// CancellationStatus is PaymentTransaction102: the answer to one recall.
type CancellationStatus struct {
	ID          string   `xml:"CxlStsId"`
	Instructed  string   `xml:"OrgnlInstrId"`
	EndToEnd    string   `xml:"OrgnlEndToEndId"`
	Transaction string   `xml:"OrgnlTxId"`
	Status      string   `xml:"TxCxlSts"`
	Reasons     []Reason `xml:"CxlStsRsnInf"`
	Amount      *Amount  `xml:"OrgnlIntrBkSttlmAmt"`
}
